-- Whether a report is about all of the store. Of those there are nobody can tell, and nearly all are.

ALTER TABLE reconciliations
  ADD COLUMN complete BOOLEAN NOT NULL DEFAULT TRUE AFTER repair;

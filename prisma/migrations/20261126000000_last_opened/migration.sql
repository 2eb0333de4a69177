-- The last owner that was opened, which a claim that is not carried through leaves as it is.

ALTER TABLE stores
  ADD COLUMN opened_server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' AFTER opened,
  ADD COLUMN opened_generation INT UNSIGNED NOT NULL DEFAULT 0 AFTER opened_server;

UPDATE stores SET opened_server = server, opened_generation = generation WHERE opened;

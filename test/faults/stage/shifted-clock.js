// Loaded before the product (`node --import`): moves the process's clock by HOLDFAST_CLOCK_SHIFT_MS, as
// on a host whose time is wrong. Timers and the monotonic clock stay as they are.
const shiftMs = Number(process.env.HOLDFAST_CLOCK_SHIFT_MS)
const TrueDate = Date

globalThis.Date = class extends TrueDate {
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + shiftMs)
    else super(...args)
  }

  static now() {
    return TrueDate.now() + shiftMs
  }
}

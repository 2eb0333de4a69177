import { openPrismaStock, rowOf } from './prisma-stock.js'
import { answerShort, newReservation, ShortError, sorted } from './reservation.js'

/** An UPDATE that takes the units only where there are enough, then the INSERT, in one transaction. */
export async function open({ databaseUrl }) {
  const { prisma, ...stock } = await openPrismaStock(databaseUrl)
  const reserve = (request, key) =>
    answerShort(async () => {
      const reservation = newReservation(request)
      await prisma.$transaction(async (tx) => {
        await tx.reservation.create({ data: rowOf(reservation, key) })
        for (const line of sorted(request.lines)) {
          const { sku, quantity } = line
          const { count } = await tx.stock.updateMany({
            where: { sku, available: { gte: quantity } },
            data: { available: { decrement: quantity }, held: { increment: quantity } },
          })
          if (count > 0) continue
          // On this connection: with all of the pool's at this point, none would be left to ask on.
          const row = await tx.stock.findUnique({ where: { sku } })
          throw new ShortError(line, row?.available ?? 0)
        }
      })
      return reservation
    })
  return { reserve, ...stock }
}

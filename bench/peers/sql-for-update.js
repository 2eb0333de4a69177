import { openPrismaStock, rowOf } from './prisma-stock.js'
import { answerShort, newReservation, ShortError, sorted } from './reservation.js'

/** Locks each row, looks, then writes: the pessimistic way of the textbooks. */
export async function open({ databaseUrl }) {
  const { prisma, ...stock } = await openPrismaStock(databaseUrl)
  const reserve = (request, key) =>
    answerShort(async () => {
      const reservation = newReservation(request)
      await prisma.$transaction(async (tx) => {
        for (const line of sorted(request.lines)) {
          const { sku, quantity } = line
          const [row] = await tx.$queryRaw`SELECT available FROM stock WHERE sku = ${sku} FOR UPDATE`
          const available = row?.available ?? 0
          if (available < quantity) throw new ShortError(line, available)
          await tx.stock.update({
            where: { sku },
            data: { available: available - quantity, held: { increment: quantity } },
          })
        }
        await tx.reservation.create({ data: rowOf(reservation, key) })
      })
      return reservation
    })
  return { reserve, ...stock }
}

/** For piscina and tinypool, which call a function of a file. */
import { carryOut, type Order } from "./work.ts"

export default (order: Order) => carryOut(order)

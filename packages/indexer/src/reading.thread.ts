/** What each thread loads. */
import { Thread } from "@effect-tasks/threads"
import { Layer } from "effect"
import { ReadFile, readFile, ReadImage, readImage } from "./Reading.ts"

export default Thread.serve(Layer.merge(Thread.handler(ReadFile, readFile), Thread.handler(ReadImage, readImage)))

/** A part of the inspector, and a task in it that leads to that task. */
import type { ComponentChildren } from "preact"
import { useModel } from "../model/Model.ts"

interface SectionProps {
  readonly name: string
  readonly note?: string
  readonly tone?: string
  readonly children: ComponentChildren
}

export const Section = ({ children, name, note, tone = "" }: SectionProps) => (
  <section class={`section ${tone}`}>
    <h3>{name} {note === undefined ? null : <span class="dim">{note}</span>}</h3>
    {children}
  </section>
)

/** Selects a task. */
export const TaskLink = ({ id, label = id }: { readonly id: string, readonly label?: string }) => {
  const { tree } = useModel()
  return (
    <button type="button" class="link" title={id} onClick={() => tree.select(id)}>
      <bdi>{label}</bdi>
    </button>
  )
}

import type { ComponentChildren } from "preact"

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

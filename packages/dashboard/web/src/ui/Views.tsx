import { type View, view } from "../data/place.ts"

const views: ReadonlyArray<readonly [View, string, string]> = [["tree", "Tree", "1"], ["timeline", "Timeline", "2"]]

export const Views = () => (
  <div class="views" role="group" aria-label="View">
    {views.map(([name, label, key]) => (
      <button
        key={name}
        type="button"
        aria-pressed={view.value === name}
        aria-keyshortcuts={key}
        onClick={() => view.value = name}
      >
        {label}
      </button>
    ))}
  </div>
)

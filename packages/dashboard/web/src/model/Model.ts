/** Everything that the page knows and can do, made once; components get it from their context. */
import { createContext } from "preact"
import { useContext } from "preact/hooks"
import { TimeWindow } from "../timeline/TimeWindow.ts"
import { Actions } from "./Actions.ts"
import { Connection } from "./Connection.ts"
import { Failures } from "./Failures.ts"
import { Matching } from "./Matching.ts"
import { Place } from "./Place.ts"
import { Store } from "./Store.ts"
import { Theme } from "./Theme.ts"
import { TreeModel } from "./TreeModel.ts"

export interface Model {
  readonly store: Store
  readonly place: Place
  readonly matching: Matching
  readonly tree: TreeModel
  readonly connection: Connection
  readonly actions: Actions
  readonly failures: Failures
  readonly theme: Theme
  readonly time: TimeWindow
}

export const makeModel = (): Model => {
  const store = new Store()
  const place = new Place()
  const matching = new Matching(store, place)
  const tree = new TreeModel(store, matching, place)
  const connection = new Connection(store)
  const actions = new Actions(store, connection)
  const failures = new Failures({ store, matching, place, tree }, actions)
  return {
    store,
    place,
    matching,
    tree,
    connection,
    actions,
    failures,
    theme: new Theme(),
    time: new TimeWindow(store)
  }
}

const Context = createContext<Model | undefined>(undefined)
export const ModelProvider = Context.Provider

export const useModel = (): Model => {
  const model = useContext(Context)
  if (model === undefined) throw new Error("a component of the page stands outside of it")
  return model
}

/**
 * Why a file or folder could not be read, each with the path and a message for people.
 */
import { Schema } from "effect"
import { getSystemErrorMap } from "node:util"
import { FilePath } from "./FilePath.ts"

export class FileNotFound extends Schema.TaggedError<FileNotFound>()("FileNotFound", { path: FilePath }) {
  override get message() {
    return "no such file or folder"
  }
}

export class NotAFolder extends Schema.TaggedError<NotAFolder>()("NotAFolder", { path: FilePath }) {
  override get message() {
    return "not a folder"
  }
}

class PermissionDenied extends Schema.TaggedError<PermissionDenied>()("PermissionDenied", { path: FilePath }) {
  override get message() {
    return "permission denied"
  }
}

/** The file did not hold still while it was read, so what was read is no state that it ever had. */
export class FileChanged extends Schema.TaggedError<FileChanged>()("FileChanged", {
  path: FilePath,
  change: Schema.Literals(["grew", "shrank", "was written to", "is no longer a file"])
}) {
  override get message() {
    return `${this.change} while it was read`
  }
}

/** Reading failed for a reason that may be gone a moment later. */
class FileBusy extends Schema.TaggedError<FileBusy>()("FileBusy", { path: FilePath, code: Schema.String }) {
  override get message() {
    return describeCode(this.code)
  }
}

class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", {
  path: FilePath,
  code: Schema.String
}) {
  override get message() {
    return describeCode(this.code)
  }
}

export const FileError = Schema.Union([
  FileNotFound,
  NotAFolder,
  PermissionDenied,
  FileChanged,
  FileBusy,
  FileUnreadable
])
export type FileError = typeof FileError.Type

export const isTransient = (error: { readonly _tag: string }): boolean =>
  error._tag === "FileBusy" || error._tag === "FileChanged"

export const fromNode = (path: FilePath, error: NodeJS.ErrnoException): FileError => {
  const code = error.code ?? error.message
  if (code === "ENOENT") return new FileNotFound({ path })
  if (code === "ENOTDIR") return new NotAFolder({ path })
  if (code === "EACCES" || code === "EPERM") return new PermissionDenied({ path })
  // A symlink or a folder has taken the file's place since it was listed.
  if (code === "ELOOP" || code === "EISDIR") return new FileChanged({ path, change: "is no longer a file" })
  return transientCodes.has(code) ? new FileBusy({ path, code }) : new FileUnreadable({ path, code })
}

const transientCodes = new Set(["EAGAIN", "EBUSY", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ESTALE", "ETIMEDOUT"])

const descriptions = new Map(getSystemErrorMap().values())

const describeCode = (code: string): string => {
  const description = descriptions.get(code)
  return description === undefined ? code : `${description} (${code})`
}

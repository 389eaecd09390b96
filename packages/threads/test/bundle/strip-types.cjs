/** A loader of webpack: types go, as Node itself does it. */
const { stripTypeScriptTypes } = require("node:module")

module.exports = (source) => stripTypeScriptTypes(source)

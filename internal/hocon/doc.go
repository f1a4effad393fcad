// Package hocon reads HOCON, the configuration format of the files below
// config/: JSON with comments, unquoted strings, key paths, merging,
// substitutions and includes.
//
// It owns the way from bytes to a resolved tree of values with positions. It
// must not open files, read the environment or know any key of Signet: what an
// include or an external name means is the caller's, through Options. Its
// caller is internal/conf.
//
// docs/formats/hocon.md states the subset exactly; DESIGN.md says how
// substitutions are resolved.
package hocon

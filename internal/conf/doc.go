// Package conf turns the configuration files of a part of Signet into checked
// settings.
//
// It owns the names, types, units, defaults and ranges of all configuration
// keys, and what docs/operations/configuration.md says of them (a test
// compares). It must not open files (the caller injects a Reader), read
// environment variables, or check what stands in the files that settings
// name. internal/app and the programs call it.
//
// The way is: private/private.conf over PART.conf (HOCON) over the defaults
// here; every key is bound to one field of a settings struct, with its range;
// whatever no key was bound to is an error with its line and the nearest known
// key. All problems of all files are reported at once.
package conf

// Package scripts tries the built program from outside: its test plays the
// scripts in testdata, each on an installation of its own that `signet dev`
// makes on free ports.
//
// It knows nothing but the command line, the files and the exit codes that
// docs/operations describes. SIGNET_BIN names the program; without it, the test
// builds one.
package scripts

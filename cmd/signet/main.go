// Command signet is the one program of Signet: every part of an installation,
// and its command line.
package main

import (
	"os"

	"github.com/signet-scheduler/signet/internal/app"
)

func main() { os.Exit(app.Main()) }

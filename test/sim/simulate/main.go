// Command simulate runs worlds of test/sim: see test/sim/campaign.
package main

import (
	"os"

	"github.com/signet-scheduler/signet/test/sim/campaign"
)

func main() { os.Exit(campaign.Main(os.Args[1:], os.Stdout, os.Stderr)) }

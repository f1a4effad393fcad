package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// estate is what `signet dev` keeps in its folder: which parts there are, where
// they listen, and what was done already.
type estate struct {
	dir   string
	ports map[string]int // by part
	facts facts
	moved map[string]bool // parts whose address isn't that of the last run
	local string          // what users call this machine
}

// facts are stored in dev.json.
type facts struct {
	Format      int    `json:"format"` // 1
	Level       string `json:"level"`
	Controllers int    `json:"controllers"`
	Agents      int    `json:"agents"`
	CockpitHost string `json:"cockpitHost"`
	SampleDone  bool   `json:"sampleDone"` // deployed, and an order was run

	Installation string `json:"installation,omitempty"` // "": it was made by a version that knew no releases
}

const (
	factsFile = "dev.json"
	portsFile = "ports.json"

	cockpitName = "cockpit"

	firstController = 4451 // ports, where none is free by choice
	firstAgent      = 4461
	maxAgents       = 100
)

// openEstate reads what is in the folder, checks the flags against it, and
// settles the addresses of all parts.
func openEstate(o cli.DevOptions) (*estate, error) {
	dir, err := filepath.Abs(o.Data)
	if err != nil {
		return nil, err
	}
	host, port, err := splitAddress(o.Cockpit)
	if err != nil {
		return nil, err
	}
	if err := checkDevFlags(o); err != nil {
		return nil, err
	}
	e := &estate{dir: dir, ports: map[string]int{}, moved: map[string]bool{}, local: "localhost"}
	known, err := e.load()
	if err != nil {
		return nil, err
	}
	if known {
		if err := e.agree(o); err != nil {
			return nil, err
		}
	} else {
		e.facts = facts{Format: 1, Level: o.Level, Controllers: o.Controllers, Agents: o.Agents, CockpitHost: host, SampleDone: o.NoSample, Installation: newInstallation()}
	}
	if known && o.Given["cockpit"] {
		e.moveCockpit(host, port)
	}
	return e, e.settlePorts(o, port)
}

// checkDevFlags refuses flags that are wrong whatever the folder holds.
func checkDevFlags(o cli.DevOptions) error {
	switch o.Level {
	case levelLow, levelMedium, levelHigh:
	default:
		return cli.Usage("--level is low, medium or high, not %q", o.Level)
	}
	if n := o.Controllers; n != 1 && n != 3 && n != 5 {
		return cli.Usage("--controllers is 1, 3 or 5: with an even number no more of them may fail")
	}
	if o.Agents < 0 || o.Agents > maxAgents {
		return cli.Usage("--agents is 0 to %d", maxAgents)
	}
	return nil
}

// splitAddress reads HOST:PORT.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, cli.Usage("--cockpit %q is not HOST:PORT, like 127.0.0.1:4446", address)
	}
	return host, port, nil
}

// agree checks flags against an existing installation; flags that weren't given
// take what it has.
func (e *estate) agree(o cli.DevOptions) error {
	if o.Given["level"] && o.Level != e.facts.Level {
		return cli.Usage("--level %s: the installation in %s has level %s, which is fixed for its life", o.Level, e.dir, e.facts.Level)
	}
	if o.Given["controllers"] && o.Controllers != e.facts.Controllers {
		return cli.Usage("--controllers %d: the installation in %s has %d, which is fixed for its life", o.Controllers, e.dir, e.facts.Controllers)
	}
	if o.Given["agents"] {
		e.facts.Agents = max(e.facts.Agents, o.Agents)
	}
	if o.NoSample {
		e.facts.SampleDone = true
	}
	return nil
}

// moveCockpit gives the Cockpit the address that the user asked for.
func (e *estate) moveCockpit(host string, port int) {
	if host != e.facts.CockpitHost {
		e.facts.CockpitHost = host
		e.moved[cockpitName] = true
	}
	if port != 0 && port != e.ports[cockpitName] {
		e.ports[cockpitName] = port
		e.moved[cockpitName] = true
	}
}

// load reads the two files; known is false when there is no installation yet.
func (e *estate) load() (known bool, err error) {
	data, err := os.ReadFile(filepath.Join(e.dir, factsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &e.facts)
	}
	if err == nil && e.facts.Format != 1 {
		err = fmt.Errorf("its format is %d, and this program knows 1", e.facts.Format)
	}
	if err == nil {
		data, err = os.ReadFile(filepath.Join(e.dir, portsFile))
	}
	if err == nil {
		err = json.Unmarshal(data, &e.ports)
	}
	if err != nil {
		return false, fault.Wrap(fault.Corrupt, "DamagedInstallation", err, "what `signet dev` keeps in %s can't be read: %s", e.dir, err)
	}
	return true, nil
}

// save stores both files, ports first: where facts are, ports are.
func (e *estate) save() error {
	if err := e.saveJSON(portsFile, e.ports); err != nil {
		return err
	}
	return e.saveJSON(factsFile, e.facts)
}

func (e *estate) saveJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return fsys.WriteFileAtomic(fsys.Real{}, filepath.Join(e.dir, name), append(data, '\n'))
}

// controllers returns the names of the Controllers.
func (e *estate) controllers() []string { return numbered("controller", e.facts.Controllers) }

// agents returns the names of the Agents.
func (e *estate) agents() []string { return numbered("agent", e.facts.Agents) }

func numbered(word string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = word + "-" + strconv.Itoa(i+1)
	}
	return names
}

// settlePorts gives every part that has none a port, for ever.
func (e *estate) settlePorts(o cli.DevOptions, cockpitPort int) error {
	var taken []net.Listener
	defer func() {
		for _, l := range taken {
			l.Close()
		}
	}()
	settle := func(name, host string, fixed int) error {
		if e.ports[name] != 0 {
			return nil
		}
		l, err := listenOn(host, fixed)
		if err != nil {
			return fault.Wrap(fault.Unavailable, "PortInUse", err, "%s can't listen on %s: %s; choose another address, or --free-ports", name, net.JoinHostPort(host, strconv.Itoa(fixed)), err)
		}
		taken = append(taken, l)
		e.ports[name] = l.Addr().(*net.TCPAddr).Port // it is a TCP listener
		return nil
	}
	if o.FreePorts && !o.Given["cockpit"] {
		cockpitPort = 0
	}
	if err := settle(cockpitName, e.facts.CockpitHost, cockpitPort); err != nil {
		return err
	}
	for first, names := range map[int][]string{firstController: e.controllers(), firstAgent: e.agents()} {
		for i, name := range names {
			port := first + i
			if o.FreePorts {
				port = 0
			}
			if err := settle(name, loopback, port); err != nil {
				return err
			}
		}
	}
	return nil
}

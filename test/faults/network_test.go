package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/faults/proxy"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// controllers are the members of the group that is played.
var controllers = []string{"controller-1", "controller-2", "controller-3"}

// network is what lies between the parts: a proxy for each way from one part to
// another. The group's own ways, those of the Cockpit, and those of clients
// that speak to Controllers as a Cockpit does.
type network struct {
	links map[string]*proxy.Proxy // by "FROM>TO"
	ports map[string]int
}

func newNetwork(t *testing.T) *network {
	n := &network{links: map[string]*proxy.Proxy{}}
	t.Cleanup(func() {
		for _, l := range n.links {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// lay puts the proxies between the parts of an installation that doesn't run, by
// the addresses in their configuration.
func (n *network) lay(dir string) error {
	ports, err := rig.Ports(dir)
	if err != nil {
		return err
	}
	n.ports = ports
	for _, from := range append([]string{"cockpit", "client"}, controllers...) {
		for _, to := range controllers {
			if from == to {
				continue
			}
			l, err := proxy.New(fmt.Sprintf("127.0.0.1:%d", ports[to]))
			if err != nil {
				return err
			}
			n.links[from+">"+to] = l
		}
	}
	for _, from := range controllers {
		if err := n.redirect(filepath.Join(dir, from, "config", "controller.conf"), from); err != nil {
			return err
		}
	}
	return n.redirect(filepath.Join(dir, "cockpit", "config", "cockpit.conf"), "cockpit")
}

// redirect makes a part reach the Controllers through its proxies.
func (n *network) redirect(file, part string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := string(text)
	for _, to := range controllers {
		if to == part {
			continue
		}
		changed = strings.ReplaceAll(changed, fmt.Sprintf(`url = "https://127.0.0.1:%d"`, n.ports[to]), fmt.Sprintf(`url = "%s"`, n.url(part, to)))
	}
	if changed == string(text) {
		return errors.New(file + " names no Controller")
	}
	return os.WriteFile(file, []byte(changed), 0o600)
}

func (n *network) url(from, to string) string { return "https://" + n.link(from, to).Addr() }

func (n *network) link(from, to string) *proxy.Proxy { return n.links[from+">"+to] }

// oneWay does something to all that travels from one member to another, on
// connections that either of them has opened.
func (n *network) oneWay(from, to string, f proxy.Fault) {
	n.link(from, to).Set(proxy.Up, f)
	n.link(to, from).Set(proxy.Down, f)
}

// between does it in both directions.
func (n *network) between(a, b string, f proxy.Fault) {
	n.oneWay(a, b, f)
	n.oneWay(b, a, f)
}

// heal ends all faults.
func (n *network) heal() {
	for _, l := range n.links {
		l.Heal()
	}
}

// others returns the members but one.
func others(member string) []string {
	var all []string
	for _, c := range controllers {
		if c != member {
			all = append(all, c)
		}
	}
	return all
}

package app

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// loopback is where Controllers and Agents of `signet dev` listen.
const loopback = "127.0.0.1"

// lowestFree is the lowest port that is taken for a free one.
const lowestFree = 15000

// listenOn takes a port, or a free one for 0. A free one is below the range
// from which the system gives ports to outgoing connections: it will be taken
// again and again after restarts, and nobody's connection must sit on it then.
func listenOn(host string, port int) (net.Listener, error) {
	if port != 0 {
		return net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	below := ephemeralStart()
	var err error
	for range 100 {
		var l net.Listener
		candidate := lowestFree + rand.IntN(below-lowestFree)
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(candidate))); err == nil {
			return l, nil
		}
	}
	return nil, errors.Join(errors.New("no free port was found"), err)
}

// ephemeralStart returns the first port of outgoing connections.
func ephemeralStart() int {
	const usual = 32768
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	fields := bytes.Fields(data)
	if len(fields) == 0 {
		return usual
	}
	if n, err := strconv.Atoi(string(fields[0])); err == nil && n > lowestFree+1000 {
		return n
	}
	return usual
}

package oracle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// Installation names what a campaign on real processes has collected when its
// faults are over and all is at rest.
type Installation struct {
	Events  string            // path of the lines of "signet events", from the first event on
	Agents  map[string]string // paths of the Agents' own streams, where there are any
	Readers map[string]string // paths of what others read of the Controller's stream, from its first event on
	History string            // path of the output of "signet history -o json"; "": none
	Effects string            // path of the side-effect file (see [Effects.Line]); "": none

	Acknowledged []string // ids of orders whose adding was acknowledged
	Commands     []string // ids of other commands that were acknowledged

	Distrusted []Distrust // when which Agent didn't trust whom
	Late       bool       // the oldest events aren't kept any more
	Complete   bool       // every job writes a line "start" into the side-effect file
	Waiting    bool       // orders may still wait or run
}

// Distrust is a time in which an Agent didn't trust a signer, in milliseconds
// since the epoch; Until 0: it lasts.
type Distrust struct {
	Agent, Signer string
	From, Until   int64
}

// Check reads everything and returns all findings, at most 1000. The error says
// what couldn't be read.
func (i *Installation) Check() ([]*Finding, error) {
	s := NewStream(Options{Late: i.Late})
	x := NewEffects(s)
	for _, d := range i.Distrusted {
		x.Distrust(d.Agent, d.Signer, d.From)
		if d.Until != 0 {
			x.Trust(d.Agent, d.Signer, d.Until)
		}
	}
	for _, agent := range slices.Sorted(maps.Keys(i.Agents)) {
		if err := eachLine(i.Agents[agent], func(line []byte) { _ = s.AgentLine(agent, line) }); err != nil {
			return nil, err
		}
	}
	// What is wrong with a line is kept by the stream; the end returns it.
	if err := eachLine(i.Events, func(line []byte) { _ = s.Line(line) }); err != nil {
		return nil, err
	}
	end := End{Acknowledged: i.Acknowledged, Effects: x, Commands: NewCommands(s), Complete: i.Complete, Waiting: i.Waiting}
	for n, id := range i.Commands {
		at := int64(n)
		if err := end.Commands.Answered(end.Commands.Sent(Call{ID: id, At: at}), at, Answer{Kind: Done}); err != nil {
			break // kept
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.Readers)) {
		r := s.Reader(name, i.begin())
		if err := eachLine(i.Readers[name], func(line []byte) { _ = r.Line(line) }); err != nil {
			return nil, err
		}
		end.Readers = append(end.Readers, r)
	}
	if i.Effects != "" {
		if err := eachLine(i.Effects, func(line []byte) { _ = x.Line(line) }); err != nil {
			return nil, err
		}
	}
	if err := i.history(s); err != nil {
		return nil, err
	}
	return s.End(end), nil
}

func (i *Installation) begin() int64 {
	if i.Late {
		return -1
	}
	return 0
}

func (i *Installation) history(s *Stream) error {
	if i.History == "" {
		return nil
	}
	data, err := os.ReadFile(i.History)
	if err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	rows, err := ReadRows(data)
	if err != nil {
		return fmt.Errorf("reading the history %s: %w", i.History, err)
	}
	s.History(rows, 0)
	return nil
}

// eachLine calls f with each whole line of a file; a last one without its end
// was torn, and is left out.
func eachLine(path string, f func([]byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening what was collected: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	in := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			f(line)
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
)

func (s *session) putVerb() *cobra.Command {
	var reason string
	var git gitFlags
	c := s.verb(verb{
		use: "put PATH...|--commit REV", short: "Store object files as drafts in the inventory; nothing is deployed", args: cobra.ArbitraryArgs,
		long: `Objects get their paths as by deploy. A draft may have problems; its state is invalid then, and the problems are told. A draft that is there already is
replaced. Signatures beside the files are left out: a draft is signed when it is deployed. Many files are sent in parts, each all or nothing. With
--commit the files are those of a Git commit, as by deploy.`,
		example: "  signet put workflows/\n  signet put load.workflow.yaml --reason 'proposal'\n  signet put --commit main --folder flows",
		run: func(ctx context.Context, args []string) error {
			source, err := git.source(ctx, s, args)
			if err != nil {
				return err
			}
			objects, err := source.collect("NothingToPut")
			if err != nil {
				return err
			}
			parts, err := draftParts(objects, source.reason(reason))
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			return s.put(ctx, client, parts, len(objects))
		},
	})
	git.register(c)
	reasonFlag(c, &reason)
	return c
}

// Bounds of one request.
const (
	maxPutObjects = 2000
	maxPutBytes   = 16 << 20
)

// draftParts makes the requests that store files as drafts.
func draftParts(objects []objectfile.Object, reason string) (parts []*api.PutDraftsRequest, err error) {
	var bad []fault.Problem
	var part *api.PutDraftsRequest
	size := 0
	for i := range objects {
		o := &objects[i]
		if !utf8.Valid(o.Source) {
			bad = append(bad, fault.Problem{Where: o.File, Message: "the file is not UTF-8"})
		}
		if part == nil || len(part.Objects) == maxPutObjects || size+len(o.Source) > maxPutBytes {
			part = &api.PutDraftsRequest{Reason: reason}
			parts = append(parts, part)
			size = 0
		}
		size += len(o.Source)
		format := "json"
		if o.YAML {
			format = "yaml"
		}
		part.Objects = append(part.Objects, api.DraftObject{Kind: string(o.Key.Kind), Path: o.Key.Path, Text: string(o.Source), Format: format})
	}
	if len(bad) > 0 {
		e := fault.New(fault.Invalid, "InvalidFiles", "documents are JSON or YAML in UTF-8")
		e.Problems = bad
		return nil, e
	}
	return parts, nil
}

// put sends the parts and prints what became of them.
func (s *session) put(ctx context.Context, client *Client, parts []*api.PutDraftsRequest, total int) error {
	progress := s.progress()
	var all []api.PutDraft
	for _, part := range parts {
		progress.show("storing %s, %d done ...", count(total, "draft"), len(all))
		var out api.PutDraftsResponse
		if err := client.Post(ctx, "/inventory/drafts", part, true, &out); err != nil {
			progress.end()
			return err
		}
		all = append(all, out.Objects...)
	}
	progress.end()
	if s.json() {
		return s.printJSON(api.PutDraftsResponse{Objects: all})
	}
	t := s.table("KIND", "PATH", "STATE", "STORED", "PROBLEMS")
	for _, o := range all {
		stored := "new"
		if !o.Saved {
			stored = "as it was"
		}
		t.row(o.Kind, o.Path, o.State, stored, strconv.Itoa(len(o.Problems)))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, o := range all {
		for _, p := range o.Problems {
			fmt.Fprintln(s.io.Err, printable(o.Kind+":"+o.Path+" "+problemText(p)))
		}
	}
	return nil
}

// problemText is a problem of a draft in one line.
func problemText(p api.DraftProblem) string {
	text := p.Message
	if p.Pointer != "" {
		text = p.Pointer + ": " + text
	}
	if p.Line > 0 {
		text = "line " + strconv.Itoa(p.Line) + " " + text
	}
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}

package cli

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
)

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (s *session) deployVerb() *cobra.Command {
	var reason string
	var sign signFlags
	var git gitFlags
	c := s.verb(verb{
		use: "deploy PATH...|--commit REV", short: "Deploy object files, or all below a folder, in one transaction: all or nothing", args: cobra.ArbitraryArgs,
		long: `For a folder, the structure below it becomes the objects' paths; for a single file the path is its name, or what the document states.
A signature beside a document is its evidence; else the server signs, where the security level lets it. With --sign-with, the documents that have none are
listed in a release, which is signed here, with your key: the server gets the signature, and Controllers and Agents verify it. A key can also be in a keystore
or an ssh-agent, as with ` + "`signet sign`" + `.

With --commit the files are those of a Git commit, byte for byte, whatever lies in the working copy; with --trusted-signers only if that commit, or the annotated
tag, was signed by a key in that folder. Commit and author become part of the reason.`,
		example: "  signet deploy workflows/\n  signet deploy load.workflow.json --reason 'faster'\n  signet deploy workflows/ --sign-with ~/.ssh/id_ed25519\n  signet deploy --commit v1.2 --folder flows --trusted-signers release-managers",
		run: func(ctx context.Context, args []string) error {
			if err := sign.check(); err != nil {
				return err
			}
			source, err := git.source(ctx, s, args)
			if err != nil {
				return err
			}
			objects, err := source.collect("NothingToDeploy")
			if err != nil {
				return err
			}
			reason := source.reason(reason)
			client, err := s.client()
			if err != nil {
				return err
			}
			var brought *api.DeployRelease
			if sign.given() {
				signer, end, err := s.signer(ctx, &sign)
				defer end()
				if err != nil {
					return err
				}
				if brought, err = s.makeRelease(ctx, client, signer, objects, reason); err != nil {
					return err
				}
			}
			in, err := deployRequest(objects, reason)
			if err != nil {
				return err
			}
			in.Release = brought
			progress := s.progress()
			progress.show("deploying %s ...", count(len(objects), "object"))
			var out api.DeployResponse
			err = client.Post(ctx, s.at("/deployments"), in, true, &out)
			progress.end()
			if err != nil {
				return err
			}
			return s.printDeployed(out.Deployed)
		},
	})
	git.register(c)
	sign.register(c, "sign-with", "sign the deployment as a release, with the private key in this file")
	reasonFlag(c, &reason)
	s.controllerFlag(c)
	return c
}

// deployRequest makes the request that deploys objects. Bytes of a document
// travel as a JSON text, so they must be UTF-8: what isn't would arrive changed.
func deployRequest(objects []objectfile.Object, reason string) (*api.DeployRequest, error) {
	in := &api.DeployRequest{Reason: reason, RequestId: newRequestID(), Objects: make([]api.DeployObject, len(objects))}
	var bad []fault.Problem
	for i, o := range objects {
		if !utf8.Valid(o.Bytes) {
			bad = append(bad, fault.Problem{Where: o.File, Message: "the file is not UTF-8"})
		}
		in.Objects[i] = api.DeployObject{Kind: string(o.Key.Kind), Path: o.Key.Path, File: o.File, Document: string(o.Bytes)}
		for suffix, data := range o.Evidence {
			if !utf8.Valid(data) {
				e := fault.New(fault.Untrusted, "InvalidEvidence", "a signature or certificate file holds text (base64, PEM or armour)")
				e.Problems = []fault.Problem{{Where: o.File + suffix, Message: "the file is not text"}}
				return nil, e
			}
			if in.Objects[i].Evidence == nil {
				in.Objects[i].Evidence = map[string]string{}
			}
			in.Objects[i].Evidence[suffix] = string(data)
		}
	}
	if len(bad) > 0 {
		e := fault.New(fault.Invalid, "InvalidFiles", "documents are JSON in UTF-8")
		e.Problems = bad
		return nil, e
	}
	return in, nil
}

func (s *session) printDeployed(deployed []api.DeployedObject) error {
	if s.json() {
		if deployed == nil {
			deployed = []api.DeployedObject{}
		}
		return s.printJSON(api.DeployResponse{Deployed: deployed})
	}
	t := s.table("KIND", "PATH", "VERSION")
	for _, d := range deployed {
		t.row(d.Kind, d.Path, d.VersionId)
	}
	return t.flush()
}

func (s *session) revokeVerb() *cobra.Command {
	var reason string
	c := s.verb(verb{
		use: "revoke PATH...", short: "Take deployed objects out of service, all or none", args: cobra.MinimumNArgs(1),
		long: `PATH is the path of a workflow, or any object as KIND:PATH (Workflow:nightly/load, JobResource:db-env, Agent:agent-2), or a file or folder of
object files. A workflow that orders still use goes when the last of them has ended.`,
		example: "  signet revoke nightly/load\n  signet revoke JobResource:db-env Agent:agent-2",
		run: func(ctx context.Context, args []string) error {
			keys, err := revocationKeys(args)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			return client.Post(ctx, s.at("/deployments/revoke"), api.RevokeRequest{Objects: keys, Reason: reason}, false, nil)
		},
	})
	reasonFlag(c, &reason)
	s.controllerFlag(c)
	return c
}

// revocationKeys reads the arguments of revoke: keys, files, or paths of
// workflows.
func revocationKeys(args []string) ([]api.ObjectKey, error) {
	var keys []api.ObjectKey
	add := func(k item.Key) { keys = append(keys, api.ObjectKey{Kind: string(k.Kind), Path: k.Path}) }
	for _, a := range args {
		if key, err := item.ParseKey(a); err == nil {
			add(key)
			continue
		}
		if exists(a) {
			objects, err := objectfile.Collect([]string{a}, objectfile.Disk{})
			if err != nil {
				return nil, err
			}
			for _, o := range objects {
				add(o.Key)
			}
			continue
		}
		key := item.Key{Kind: item.KindWorkflow, Path: a}
		if err := key.Check(); err != nil {
			return nil, err
		}
		add(key)
	}
	return keys, nil
}

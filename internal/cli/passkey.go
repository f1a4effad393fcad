package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

// passkeysPath is the route of the caller's own passkeys.
const passkeysPath = "/me/passkeys"

func (s *session) passkeyGroup() *cobra.Command {
	return s.group("passkey", "Your own passkeys, by which the pages sign releases with a touch",
		"A passkey is added in the pages, under Profile: a browser has to ask the key. No machine trusts it before it has its trust file.",
		"  signet passkey trust-file 'blue key' > blue.json", s.passkeyListVerb(), s.passkeyTrustFileVerb(), s.passkeyRenameVerb(), s.passkeyRemoveVerb())
}

func (s *session) passkeyListVerb() *cobra.Command {
	return s.verb(verb{
		use: "list", short: "List your passkeys", example: "  signet passkey list",
		run: func(ctx context.Context, _ []string) error {
			_, out, err := s.passkeys(ctx)
			if err != nil {
				return err
			}
			return s.tellPasskeys(out)
		},
	})
}

func (s *session) passkeyTrustFileVerb() *cobra.Command {
	return s.verb(verb{
		use: "trust-file PASSKEY", short: "Print the file by which machines trust a passkey", args: cobra.ExactArgs(1),
		long:    "PASSKEY is its name or its id. Who administers Controllers and Agents puts the file, as NAME.json, into private/trusted-passkeys of each; a trust policy may have to name the key, too.",
		example: "  signet passkey trust-file 'blue key' > blue.json",
		run: func(ctx context.Context, args []string) error {
			_, p, err := s.onePasskey(ctx, args[0])
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(p)
			}
			_, err = io.WriteString(s.io.Out, p.TrustFile)
			return err
		},
	})
}

func (s *session) passkeyRenameVerb() *cobra.Command {
	return s.verb(verb{
		use: "rename PASSKEY NAME", short: "Give a passkey another name", args: cobra.ExactArgs(2),
		long:    "PASSKEY is its name or its id. Machines that trust it call it as the file does that they have.",
		example: "  signet passkey rename 'blue key' 'key in the safe'",
		run: func(ctx context.Context, args []string) error {
			client, p, err := s.onePasskey(ctx, args[0])
			if err != nil {
				return err
			}
			var out api.Passkeys
			if err := client.Post(ctx, passkeysPath+"/"+url.PathEscape(p.Id), api.RenamePasskeyRequest{Name: args[1]}, false, &out); err != nil {
				return err
			}
			return s.tellPasskeys(&out)
		},
	})
}

func (s *session) passkeyRemoveVerb() *cobra.Command {
	return s.verb(verb{
		use: "remove PASSKEY", short: "Forget a passkey", args: cobra.ExactArgs(1),
		long:    "PASSKEY is its name or its id. Machines that trust it go on to do so until its file is taken out of their private/trusted-passkeys.",
		example: "  signet passkey remove 'blue key'",
		run: func(ctx context.Context, args []string) error {
			client, p, err := s.onePasskey(ctx, args[0])
			if err != nil {
				return err
			}
			if err := client.call(ctx, "DELETE", passkeysPath+"/"+url.PathEscape(p.Id), nil, false, nil); err != nil {
				return err
			}
			fmt.Fprintf(s.io.Err, "The passkey %s is forgotten here. Machines trust it until its file is taken out of their private/trusted-passkeys.\n", p.Name)
			return nil
		},
	})
}

func (s *session) passkeys(ctx context.Context) (*Client, *api.Passkeys, error) {
	client, err := s.client()
	if err != nil {
		return nil, nil, err
	}
	var out api.Passkeys
	return client, &out, client.Get(ctx, passkeysPath, nil, &out)
}

// onePasskey finds a passkey by its id, or by its name if only one has it.
func (s *session) onePasskey(ctx context.Context, text string) (*Client, *api.Passkey, error) {
	client, all, err := s.passkeys(ctx)
	if err != nil {
		return nil, nil, err
	}
	var found []*api.Passkey
	for i := range all.Passkeys {
		switch p := &all.Passkeys[i]; text {
		case p.Id:
			return client, p, nil
		case p.Name:
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, fault.New(fault.NotFound, "UnknownPasskey", "your account has no such passkey")
	case 1:
		return client, found[0], nil
	}
	ids := make([]string, len(found))
	for i, p := range found {
		ids[i] = p.Id
	}
	return nil, nil, Usage("%d passkeys have this name: give the id, %s", len(found), strings.Join(ids, " or "))
}

func (s *session) tellPasskeys(all *api.Passkeys) error {
	if s.json() {
		return s.printJSON(all)
	}
	if len(all.Passkeys) == 0 {
		fmt.Fprintln(s.io.Out, "You have no passkey: add one in the pages, under Profile.")
		return nil
	}
	t := s.table("NAME", "FOR", "KEY", "MAY BE COPIED", "ADDED", "LAST USED", "ID")
	for i := range all.Passkeys {
		p := &all.Passkeys[i]
		copied, used := "no", "never"
		if p.BackupEligible {
			copied = "yes"
		}
		if p.LastUsedAt != 0 {
			used = localTime(p.LastUsedAt)
		}
		t.row(p.Name, p.Origin, p.KeyId[:min(16, len(p.KeyId))], copied, localTime(p.MadeAt), used, p.Id)
	}
	return t.flush()
}

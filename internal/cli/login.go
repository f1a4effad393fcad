package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

func (s *session) loginVerb() *cobra.Command {
	var account, ca string
	c := s.verb(verb{
		use: "login URL", short: "Begin a session and keep it in the profile", args: cobra.ExactArgs(1),
		long: `The password is asked for without showing it. Where standard input is no terminal, its first line is the password; without --account, the
first line is the account and the second the password. The profile is written to --profile, $SIGNET_PROFILE, or the user's own profile file.`,
		example: "  signet login https://cockpit.example.com:4446 --account anna\n  signet login https://localhost:4446 --ca signet-data/ca/node/root.pem --account admin < signet-data/admin-password",
		run: func(ctx context.Context, args []string) error {
			p, err := s.loginProfile(args[0], account, ca)
			if err != nil {
				return err
			}
			return s.login(ctx, p)
		},
	})
	c.Flags().StringVar(&account, "account", "", "the account")
	c.Flags().StringVar(&ca, "ca", "", "file with the CA certificates (PEM) that the Cockpit's certificate is checked against (default: those of the system)")
	return c
}

// loginProfile makes the profile to be, without a token.
func (s *session) loginProfile(address, account, ca string) (*Profile, error) {
	if u, err := url.Parse(address); err == nil && u.User != nil && account == "" {
		account = u.User.Username()
		u.User = nil
		address = u.String()
	}
	base, err := checkURL(address)
	if err != nil {
		return nil, err
	}
	p := &Profile{URL: base, Account: account}
	if ca != "" {
		text, err := readBounded(ca, maxProfile)
		if err != nil {
			return nil, err
		}
		p.CA = string(text)
	}
	return p, nil
}

func (s *session) login(ctx context.Context, p *Profile) error {
	path, err := s.loginTarget()
	if err != nil {
		return err
	}
	client, err := NewClient(p)
	if err != nil {
		return err
	}
	password, err := s.askLogin(p)
	if err != nil {
		return err
	}
	var session api.Session
	if err := client.Post(ctx, "/login", api.LoginRequest{Account: p.Account, Password: password}, false, &session); err != nil {
		return err
	}
	p.Token, p.Account = session.Token, session.Account
	if err := p.Write(path); err != nil {
		return err
	}
	fmt.Fprintf(s.io.Err, "Logged in at %s as %s (%s). The session is kept in %s.\n", p.URL, session.Account, session.Role, path)
	if used, err := s.profilePath(); err == nil && used != path {
		fmt.Fprintf(s.io.Err, "In this folder, %s is used instead: name the other one by --profile %s\n", used, path)
	}
	return nil
}

// loginTarget is where login writes: never over the profile of `signet dev`
// unless it was named.
func (s *session) loginTarget() (string, error) {
	if s.profileFlag != "" {
		return s.profileFlag, nil
	}
	if s.env["SIGNET_PROFILE"] != "" {
		return s.env["SIGNET_PROFILE"], nil
	}
	return s.userProfile()
}

// askLogin gets account, if it isn't known, and password.
func (s *session) askLogin(p *Profile) (string, error) {
	in := bufio.NewReader(io.LimitReader(s.io.In, 8<<10))
	terminal := isTerminal(s.io.In)
	if p.Account == "" {
		if terminal {
			fmt.Fprint(s.io.Err, "Account: ")
		}
		var err error
		if p.Account, err = readLine(in); err != nil || p.Account == "" {
			return "", Usage("the account is missing: give it by --account")
		}
	}
	if !terminal {
		password, err := readLine(in)
		if err != nil || password == "" {
			return "", Usage("the password is missing: it is read from standard input")
		}
		return password, nil
	}
	fmt.Fprintf(s.io.Err, "Password of %s: ", printable(p.Account))
	password, err := hidden(s.io.In.(*os.File), in) // a terminal is a file
	fmt.Fprintln(s.io.Err)
	return password, err
}

// hidden reads a line while the terminal doesn't show what is typed. Ctrl-C
// comes as a character, so that the terminal is restored in any case.
func hidden(terminal *os.File, in io.ByteReader) (line string, err error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("asking for the password: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	silent.Cc[unix.VMIN], silent.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return "", fmt.Errorf("asking for the password: %w", err)
	}
	defer func() { err = errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before)) }()
	return typedLine(in)
}

// maxPassword bounds what is typed, in bytes.
const maxPassword = 1000

// typedLine puts a line together out of what a terminal sends key by key.
func typedLine(in io.ByteReader) (string, error) {
	const ctrlC, ctrlD, ctrlU, backspace, del = 3, 4, 21, 8, 127
	var typed []byte
	for {
		b, err := in.ReadByte()
		switch {
		case err != nil || b == ctrlC || b == ctrlD && len(typed) == 0:
			return "", Usage("no password was given")
		case b == '\r' || b == '\n' || b == ctrlD:
			return string(typed), nil
		case b == ctrlU:
			typed = typed[:0]
		case b == backspace || b == del:
			_, size := utf8.DecodeLastRune(typed)
			typed = typed[:len(typed)-size]
		case len(typed) < maxPassword:
			typed = append(typed, b)
		}
	}
}

// readLine reads to the end of a line, or of what there is.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (s *session) logoutVerb() *cobra.Command {
	return s.verb(verb{
		use: "logout", short: "End the session and forget it", example: "  signet logout",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			if s.profile.Token == "" {
				return fault.New(fault.Unauthenticated, "NotLoggedIn", "the profile %s holds no session", s.profile.file)
			}
			err = client.Post(ctx, "/logout", struct{}{}, false, nil)
			if err != nil && !fault.Is(err, fault.Unauthenticated) {
				return err
			}
			s.profile.Token = ""
			if err := s.profile.Write(s.profile.file); err != nil {
				return err
			}
			fmt.Fprintf(s.io.Err, "Logged out of %s.\n", s.profile.URL)
			return nil
		},
	})
}

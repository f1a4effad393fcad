package app

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/cockpit"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/web"
)

// runningCockpit is a Cockpit whose Run has been called.
type runningCockpit struct {
	*cockpit.Cockpit
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned err
	err    error
}

func startCockpit(set *conf.Cockpit) func(*slog.Logger, part.Self) (running, error) {
	return func(log *slog.Logger, self part.Self) (running, error) {
		ctx, cancel := context.WithCancel(context.Background())
		c, err := cockpit.New(ctx, cockpit.Deps{Settings: set, Log: log, Self: self, Version: Version, Commit: Commit, Go: runtime.Version(), Pages: web.Files()})
		if err != nil {
			cancel()
			return nil, err
		}
		r := &runningCockpit{Cockpit: c, cancel: cancel, done: make(chan struct{})}
		go func() {
			defer close(r.done)
			r.err = c.Run(ctx)
		}()
		return r, nil
	}
}

// Addr returns the address that users connect to.
func (r *runningCockpit) Addr() string { return r.Cockpit.Addr().String() }

// Wait returns when the Cockpit has stopped by itself, or when ctx ends.
func (r *runningCockpit) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.done:
		return r.err
	}
}

// Close stops the Cockpit and waits for it.
func (r *runningCockpit) Close() error {
	r.cancel()
	<-r.done
	return r.err
}

// cockpitSettings reads the settings of a Cockpit that doesn't run.
func cockpitSettings(configDir, dataDir string) (*conf.Cockpit, error) {
	config, err := filepath.Abs(configDir)
	if err != nil {
		return nil, err
	}
	data, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, err
	}
	return conf.LoadCockpit(config, data, os.ReadFile)
}

// holdCockpit sees to it that a Cockpit doesn't run until the lock is closed, and that
// its data is whole.
func holdCockpit(set *conf.Cockpit) (*os.File, error) {
	lock, err := lockDir(set.DataDir)
	if err != nil {
		return nil, err
	}
	if err := finishReplacement(set.DataDir); err != nil {
		_ = lock.Close() // nothing was written to it
		return nil, err
	}
	return lock, nil
}

// initCockpit makes what a production Cockpit needs before its first start.
func initCockpit(ctx context.Context, o cli.InitCockpitOptions) (cli.InitCockpitResult, error) {
	result := cli.InitCockpitResult{Account: o.Account}
	set, err := cockpitSettings(o.ConfigDir, o.DataDir)
	if err != nil {
		return result, err
	}
	lock, err := holdCockpit(set)
	if err != nil {
		return result, err
	}
	defer lock.Close()
	if set.SecurityLevel == levelMedium {
		_, made, err := seal.MakeKey(set.SealingKeyFile)
		if err != nil {
			return result, err
		}
		if made {
			result.Created = append(result.Created, set.SealingKeyFile)
		}
	}
	if o.CADir != "" {
		made, err := cockpitKeys(set, o, time.Now())
		result.Created = append(result.Created, made...)
		if err != nil {
			return result, err
		}
	}
	result.Missing = missingKeys(set)
	result.Password, err = cockpit.Init(ctx, cockpit.InitOptions{Settings: set, Account: o.Account})
	return result, err
}

// forgetKeys deletes the accounts' signing keys, whose sealing key is lost, and makes
// a sealing key if there is none.
func forgetKeys(ctx context.Context, o cli.ForgetKeysOptions) (cli.ForgetKeysResult, error) {
	result := cli.ForgetKeysResult{Accounts: []string{}, Created: []string{}}
	set, err := cockpitSettings(o.ConfigDir, o.DataDir)
	if err != nil {
		return result, err
	}
	lock, err := holdCockpit(set)
	if err != nil {
		return result, err
	}
	defer lock.Close()
	if result.Accounts, err = cockpit.ForgetKeys(ctx, set, time.Now()); err != nil {
		return result, err
	}
	_, made, err := seal.MakeKey(set.SealingKeyFile)
	if made {
		result.Created = append(result.Created, set.SealingKeyFile)
	}
	return result, err
}

// keyPair names the files of a key.
type keyPair struct {
	key, cert string
	issue     func(ca *pki.CA) (*pki.Issued, error)
	also      func(ca *pki.CA) error // what belongs to it
}

// cockpitKeys has the authority issue the Cockpit's keys that are missing.
func cockpitKeys(set *conf.Cockpit, o cli.InitCockpitOptions, now time.Time) (made []string, err error) {
	ca, err := pki.OpenCA(fsys.Real{}, o.CADir)
	if err != nil {
		return nil, err
	}
	node := pki.NodeParams{Role: pki.RoleCockpit, Name: set.Name, Now: now}
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			node.IPs = append(node.IPs, ip)
		} else {
			node.DNSNames = append(node.DNSNames, host)
		}
	}
	pairs := []keyPair{
		{set.TLS.KeyFile, set.TLS.CertFile, func(ca *pki.CA) (*pki.Issued, error) { return ca.IssueNode(node) }, func(ca *pki.CA) error {
			if len(set.TLS.TrustFiles) != 1 || exists(set.TLS.TrustFiles[0]) {
				return nil
			}
			made = append(made, set.TLS.TrustFiles[0])
			return pki.WriteCertsPEM(fsys.Real{}, set.TLS.TrustFiles[0], ca.Roots(pki.PurposeNode)...)
		}},
		{set.SigningKeyFile, set.SigningCertFile, func(ca *pki.CA) (*pki.Issued, error) {
			return ca.IssueSigner(pki.SignerParams{Name: set.Name, Now: now})
		}, func(*pki.CA) error { return nil }},
	}
	for _, p := range pairs {
		if p.key == "" || exists(p.key) || p.key == set.SigningKeyFile && set.SecurityLevel != levelLow {
			continue
		}
		issued, err := p.issue(ca)
		if err != nil {
			return made, err
		}
		if err := os.MkdirAll(filepath.Dir(p.key), 0o700); err != nil {
			return made, err
		}
		if err := writeKeyAndChain(p.key, p.cert, issued); err != nil {
			return made, err
		}
		made = append(made, p.key, p.cert)
		if err := p.also(ca); err != nil {
			return made, err
		}
	}
	return made, nil
}

// missingKeys names the key files that the configuration asks for and that
// aren't there.
func missingKeys(set *conf.Cockpit) []string {
	var missing []string
	asked := append([]string{set.TLS.KeyFile, set.TLS.CertFile, set.TLS.Keystore, set.UserTLS.KeyFile, set.UserTLS.CertFile}, set.TLS.TrustFiles...)
	if set.SecurityLevel == levelLow {
		asked = append(asked, set.SigningKeyFile, set.SigningCertFile)
	}
	for _, file := range asked {
		if file != "" && !exists(file) && !slices.Contains(missing, file) {
			missing = append(missing, file)
		}
	}
	return missing
}

package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// maxData bounds the body of `signet api` in bytes.
const maxData = 1 << 30

func (s *session) apiVerb() *cobra.Command {
	var data, accept, match, noneMatch string
	c := s.verb(verb{
		use: "api METHOD PATH", short: "Make any call of the web API with the profile's credential", args: cobra.ExactArgs(2),
		long:    "PATH is below /api/v1. The answer is printed as it comes. --data is a JSON text, @FILE, or - for standard input.",
		example: "  signet api GET /me\n  signet api POST /orders/cancel --data '{\"ids\":[\"load-1\"]}'\n  signet api GET /openapi.json",
		run: func(ctx context.Context, args []string) error {
			method := strings.ToUpper(args[0])
			if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead}, method) {
				return Usage("%q is no method: GET, POST, PUT, PATCH or DELETE", args[0])
			}
			path := "/" + strings.TrimPrefix(strings.TrimPrefix(args[1], "/api/v1"), "/")
			var body []byte
			if data != "" {
				var err error
				if body, err = s.input(data, maxData); err != nil {
					return err
				}
				if !json.Valid(body) {
					return Usage("--data is not valid JSON")
				}
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			resp, err := client.patiently(ctx, method == http.MethodGet, func() (*http.Response, error) {
				return client.send(ctx, method, path, accept, body, "If-Match", match, "If-None-Match", noneMatch)
			})
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if _, err := io.Copy(s.io.Out, resp.Body); err != nil {
				return client.unreachable(err)
			}
			return nil
		},
	})
	c.Flags().StringVar(&data, "data", "", "body of the request: JSON, @FILE or -")
	c.Flags().StringVar(&accept, "accept", "application/json", "media type that is asked for")
	c.Flags().StringVar(&match, "if-match", "", "ETag of what is changed, with its quotation marks")
	c.Flags().StringVar(&noneMatch, "if-none-match", "", "* for what is to be made")
	return c
}

package boot

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthcheck asks the service that listens on listen whether it is ready.
func healthcheck(listen string, stderr io.Writer) (exit int) {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		port = "9090"
	}
	if err := CheckURL("http://127.0.0.1:" + port + "/readyz"); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailure
	}
	return exitOK
}

// CheckURL asks url and returns an error, with the answer's text, unless it answers 200
// within a few seconds.
func CheckURL(url string) error {
	c := http.Client{Timeout: 3 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what it says is extra
	return fmt.Errorf("ask for health: %s: %s", resp.Status, text)
}

package cli

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func TestNewCertificate(t *testing.T) {
	code, stdout, stderr := run(t, "keys", "cert", "--host", "nats,127.0.0.1")
	if code != exitDone || stderr != "" {
		t.Fatalf("ended with %d: %s", code, stderr)
	}
	pair, err := tls.X509KeyPair([]byte(stdout), []byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(stdout))
	for name, good := range map[string]bool{"nats": true, "127.0.0.1": true, "s3": false, "127.0.0.2": false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool})
		if (err == nil) != good {
			t.Errorf("as %s: %v", name, err)
		}
	}
	in9, in11 := time.Now().AddDate(9, 0, 0), time.Now().AddDate(11, 0, 0)
	if pair.Leaf.IsCA || in9.After(pair.Leaf.NotAfter) || in11.Before(pair.Leaf.NotAfter) {
		t.Errorf("an authority: %t, until %s", pair.Leaf.IsCA, pair.Leaf.NotAfter)
	}
	if _, again, _ := run(t, "keys", "cert", "--host", "nats"); again == stdout {
		t.Error("two certificates are the same")
	}
	if code, stdout, _ = run(t, "keys", "cert"); code != exitUser || stdout != "" {
		t.Errorf("without a name: %d, %q", code, stdout)
	}
}

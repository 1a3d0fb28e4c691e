package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/fault"
)

// certificateYears is how long a certificate holds: who has its servers on one machine has
// nobody who renews it.
const certificateYears = 10

func (a *app) certificateCommand() *cobra.Command {
	var hosts []string
	c := &cobra.Command{
		Use:   "cert --host NAME",
		Short: "Make a certificate for a server that only its own clients know",
		Long: `Makes a key and a certificate that signs itself, and prints both as PEM, the key first: it
is a secret. The server has both; its clients have the certificate in the place of an
authority's, and trust that one server and no other. It holds for ten years. For servers
that many reach, use an authority's certificates.`,
		Example: `  reweave keys cert --host nats`,
		Args:    takes(),
		RunE: a.does(func(context.Context, *cobra.Command, []string) error {
			key, cert, err := newCertificate(hosts, time.Now())
			if err != nil {
				return err
			}
			return a.printf("%s%s", key, cert)
		}),
	}
	c.Flags().StringSliceVar(&hosts, "host", nil, "name or address by which clients reach the server")
	return c
}

// newCertificate returns a key, and a certificate of it for servers at hosts alone, as PEM.
func newCertificate(hosts []string, now time.Time) (key, cert []byte, err error) {
	if len(hosts) == 0 {
		return nil, nil, fault.Userf("usage", "--host", "a certificate is for a name or an address", "add --host NAME")
	}
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	// No authority: with its key one can be this server, and make no other certificates.
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(certificateYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, host)
		}
	}
	signed, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pair.Public(), pair)
	der, kerr := x509.MarshalPKCS8PrivateKey(pair)
	if err := errors.Join(err, kerr); err != nil {
		return nil, nil, fmt.Errorf("make a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), nil
}

package natsq

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// Config says how NATS is reached. The zero value of a field stands for its default.
type Config struct {
	URL      string        `envconfig:"NATS_URL" default:"nats://127.0.0.1:4222" desc:"URL of the NATS server, or several with commas between; tls:// asks for TLS"`
	NKey     string        `envconfig:"NATS_NKEY" desc:"file with the seed of this service's NATS key; it is read again at each connection"`
	Creds    string        `envconfig:"NATS_CREDS" desc:"file with NATS user credentials (JWT and seed), in the place of a key; it is read again at each connection"`
	CA       string        `envconfig:"NATS_CA" desc:"PEM file with the certificates that sign the server's"`
	Cert     string        `envconfig:"NATS_CERT" desc:"PEM file with the client certificate"`
	Key      string        `envconfig:"NATS_KEY" desc:"PEM file with the key of the client certificate"`
	Inbox    string        `envconfig:"NATS_INBOX" default:"_INBOX" desc:"what the subjects begin with on which answers come; a prefix of its own keeps others from reading them"`
	Existing bool          `envconfig:"NATS_EXISTING" default:"false" desc:"use the streams and buckets that another service makes, for one that has no right to make any"`
	Replicas int           `envconfig:"NATS_REPLICAS" default:"1" desc:"how many servers of a NATS cluster keep each stream: 1, 3 or 5"`
	AckWait  time.Duration `envconfig:"NATS_ACK_WAIT" default:"30s" desc:"how long a worker may stay silent before its work goes to another; the same for all services"`
}

var inboxForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Validate reports everything that is wrong with c, in one joined error whose
// parts name the variables.
func (c Config) Validate() error {
	errs := []error{c.checkCredential()}
	for _, f := range []struct{ name, path string }{
		{"NATS_CA", c.CA}, {"NATS_CERT", c.Cert}, {"NATS_KEY", c.Key},
	} {
		if _, err := os.Stat(f.path); f.path != "" && err != nil {
			errs = append(errs, fmt.Errorf("REWEAVE_%s: no readable file there", f.name))
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		errs = append(errs, errors.New("REWEAVE_NATS_CERT and REWEAVE_NATS_KEY: set both or neither"))
	}
	if c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		errs = append(errs, errors.New("REWEAVE_NATS_REPLICAS: must be 1, 3 or 5"))
	}
	if !inboxForm.MatchString(c.Inbox) {
		errs = append(errs, errors.New("REWEAVE_NATS_INBOX: must be letters, digits, _ and -, with full stops between"))
	}
	if c.AckWait < time.Second {
		errs = append(errs, errors.New("REWEAVE_NATS_ACK_WAIT: must be at least 1s"))
	}
	return errors.Join(errs...)
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = nats.DefaultURL
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.AckWait == 0 {
		c.AckWait = 30 * time.Second
	}
	return c
}

// options turns c into the client's options. Once connected, the client reconnects
// for ever, also where it is refused: who is shut out may be let in again.
func (c Config) options(log *zap.Logger, refused *complaints) []nats.Option {
	opts := []nats.Option{
		nats.Name("reweave"),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(3),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil when it was us who closed
				log.Warn("lost the connection to NATS", zap.Error(err))
			}
		}),
		nats.ErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
			if nc.IsReconnecting() && !refused.news(err) {
				return
			}
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("NATS reports an error", zap.String("subject", subject), zap.Error(err))
		}),
	}
	if c.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(c.Inbox))
	}
	if c.NKey != "" {
		opts = append(opts, fromSeed(c.NKey))
	}
	if c.Creds != "" {
		opts = append(opts, nats.UserCredentials(c.Creds))
	}
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		opts = append(opts, nats.ClientCert(c.Cert, c.Key))
	}
	return opts
}

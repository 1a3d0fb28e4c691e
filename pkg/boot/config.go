package boot

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
)

// Prefix is what the names of all variables begin with.
const Prefix = "REWEAVE"

// services are the names whose variables a shared environment file may hold.
var services = []string{"API", "SPLITTER", "ENCODER", "MUXER"}

// Base is the configuration that all services share, under the prefix REWEAVE.
type Base struct {
	NATS       natsq.Config
	S3         s3store.Config
	HTTPListen string        `envconfig:"HTTP_LISTEN" default:":9090" desc:"address of /livez, /readyz and /metrics"`
	LogLevel   string        `envconfig:"LOG_LEVEL" default:"info" desc:"least level that is logged: debug, info, warn or error"`
	LogFormat  string        `envconfig:"LOG_FORMAT" default:"json" desc:"json, or console for people"`
	Drain      time.Duration `envconfig:"DRAIN" default:"60s" desc:"how long a service may take to finish its work after SIGTERM"`
}

// Validate reports everything that is wrong with b apart from NATS and S3.
func (b Base) Validate() error {
	var errs []error
	if _, err := NewLogger(b.LogFormat, b.LogLevel); err != nil {
		errs = append(errs, err)
	}
	if b.Drain < 0 {
		errs = append(errs, errors.New("REWEAVE_DRAIN: must not be negative"))
	}
	return errors.Join(errs...)
}

// Load reads the base configuration, and the service's own under the prefix
// REWEAVE_<NAME>, from the environment. Its error joins all that is wrong: values
// of the wrong kind, missing ones, names that no service knows, and what the
// Validate methods say, where there are any. No error tells a value.
//
// A field tagged secret:"true" may also be given by a file: when its variable X is
// unset and X_FILE is set, its value is that file's content without the white space
// around it.
func Load[C any](name string) (Base, C, error) {
	var base Base
	var cfg C
	own := Prefix + "_" + strings.ToUpper(name)
	known := fields(Prefix, reflect.ValueOf(&base).Elem())
	known = append(known, fields(own, reflect.ValueOf(&cfg).Elem())...)
	var errs []error
	for _, f := range known {
		errs = append(errs, f.read())
	}
	if errors.Join(errs...) == nil { // else a rule would complain of what could not be read
		errs = append(errs, validate(base.NATS), validate(base.S3), validate(base), validate(&cfg))
	}
	errs = append(errs, checkDisallowed(environ(), known, own)...)
	return base, cfg, errors.Join(errs...)
}

func validate(cfg any) error {
	if v, ok := cfg.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// environ returns the environment by name.
func environ() map[string]string {
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	return env
}

// others are the prefixes of the variables that belong to other services.
func others(own string) []string {
	var prefixes []string
	for _, s := range services {
		if p := Prefix + "_" + s; p != own {
			prefixes = append(prefixes, p+"_")
		}
	}
	return slices.Clip(prefixes)
}

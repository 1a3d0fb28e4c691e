package deploytest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// shared are the environment variables that every service knows.
var shared = []string{
	"REWEAVE_NATS_URL",
	"REWEAVE_NATS_NKEY",
	"REWEAVE_NATS_CREDS",
	"REWEAVE_NATS_CA",
	"REWEAVE_NATS_CERT",
	"REWEAVE_NATS_KEY",
	"REWEAVE_NATS_INBOX",
	"REWEAVE_NATS_EXISTING",
	"REWEAVE_NATS_REPLICAS",
	"REWEAVE_NATS_ACK_WAIT",
	"REWEAVE_S3_ENDPOINT",
	"REWEAVE_S3_ACCESS_KEY",
	"REWEAVE_S3_SECRET_KEY",
	"REWEAVE_S3_BUCKET",
	"REWEAVE_S3_REGION",
	"REWEAVE_S3_PREFIX",
	"REWEAVE_S3_CA",
	"REWEAVE_S3_PUBLIC_ENDPOINT",
	"REWEAVE_HTTP_LISTEN",
	"REWEAVE_LOG_LEVEL",
	"REWEAVE_LOG_FORMAT",
	"REWEAVE_DRAIN",
}

// own are the variables that only one program knows, as far as deploy uses or names them,
// by the last part of its image's name.
var own = map[string][]string{
	"api":      {"REWEAVE_API_LISTEN", "REWEAVE_API_PUBLIC_URL", "REWEAVE_API_TOKENS", "REWEAVE_API_TLS_CERT", "REWEAVE_API_TLS_KEY"},
	"splitter": {"REWEAVE_SPLITTER_SCRATCH"},
	"encoder":  {"REWEAVE_ENCODER_SCRATCH", "REWEAVE_ENCODER_SLOTS"},
	"muxer":    {"REWEAVE_MUXER_SCRATCH"},
}

// s3Server are the variables of the command "reweave s3", which is no service.
var s3Server = []string{
	"REWEAVE_S3_ACCESS_KEY", "REWEAVE_S3_SECRET_KEY",
	"REWEAVE_S3_API_ACCESS_KEY", "REWEAVE_S3_API_SECRET_KEY", "REWEAVE_S3_SPLITTER_ACCESS_KEY", "REWEAVE_S3_SPLITTER_SECRET_KEY",
	"REWEAVE_S3_ENCODER_ACCESS_KEY", "REWEAVE_S3_ENCODER_SECRET_KEY", "REWEAVE_S3_MUXER_ACCESS_KEY", "REWEAVE_S3_MUXER_SECRET_KEY",
	"REWEAVE_S3_BUCKET",
}

// needed must be set for a service: it has no use without them.
var needed = []string{"REWEAVE_NATS_URL", "REWEAVE_NATS_NKEY", "REWEAVE_S3_ENDPOINT", "REWEAVE_S3_ACCESS_KEY", "REWEAVE_S3_SECRET_KEY", "REWEAVE_HTTP_LISTEN", "REWEAVE_DRAIN"}

// secrets may also be given as the name of a file, by the same name with _FILE.
var secrets = []string{"REWEAVE_S3_SECRET_KEY"}

// Services are the programs with an image of their own, in order of their names.
func Services() []string { return slices.Sorted(maps.Keys(own)) }

// CheckEnv says what is wrong with the names of variables given to a program: service is
// one of Services, or "reweave" for the S3 server. A service refuses to start when it meets
// a name under REWEAVE_ that it does not know; another service's it passes over, but here
// that is a mistake, too.
func CheckEnv(service string, names []string) []error {
	known, must := s3Server, s3Server
	if service != "reweave" {
		known, must = slices.Concat(shared, own[service]), needed
	}
	have := map[string]bool{}
	var errs []error
	for _, n := range names {
		if !strings.HasPrefix(n, "REWEAVE_") {
			continue
		}
		plain := strings.TrimSuffix(n, "_FILE")
		if plain != n && !slices.Contains(secrets, plain) {
			plain = n
		}
		if have[plain] {
			errs = append(errs, fmt.Errorf("%s: %s is set twice", service, plain))
		}
		have[plain] = true
		if !slices.Contains(known, plain) {
			errs = append(errs, fmt.Errorf("%s: does not know %s", service, n))
		}
	}
	for _, n := range must {
		if !have[n] {
			errs = append(errs, fmt.Errorf("%s: %s is not set", service, n))
		}
	}
	return errs
}

// KnownEnv is every variable that may be used under deploy.
func KnownEnv() []string {
	all := slices.Clone(shared)
	for _, s := range Services() {
		all = append(all, own[s]...)
	}
	return all
}

var envName = regexp.MustCompile(`\bREWEAVE_[A-Z0-9_]*[A-Z0-9]\b`)

// UndocumentedEnv are the variables of KnownEnv that the text does not name.
func UndocumentedEnv(text string) []string {
	named := envName.FindAllString(text, -1)
	return slices.DeleteFunc(KnownEnv(), func(n string) bool { return slices.Contains(named, n) })
}

package deploytest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

// reliefs say which service may break which rule, and why.
var reliefs = Relaxed{
	// The image has no tool to ask with.
	"healthcheck": {"nats", "nats-volume"},
	// It hands a volume to its user, as root with that one capability, and ends.
	"user":         {"nats-volume"},
	"capabilities": {"nats-volume"},
	"restart":      {"nats-volume"},
	"stop":         {"nats-volume"},
}

// seaweed is what SeaweedFS's image needs beyond that.
var seaweed = Relaxed{
	"healthcheck":  reliefs["healthcheck"],
	"user":         {"nats-volume", "s3"},
	"capabilities": {"nats-volume", "s3"},
	"restart":      reliefs["restart"],
	"stop":         reliefs["stop"],
	"read-only":    {"s3"},
}

func TestCompose(t *testing.T) {
	p := compose(t, "docker-compose.yml")
	report(t, CheckCompose(p, reliefs))
	want := append(Services(), "nats", "nats-volume", "s3")
	slices.Sort(want)
	if got := p.ServiceNames(); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("services %v, wanted %v", got, want)
	}
	for _, s := range p.Services {
		if s.Build == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil || s.Build.Context != root(t) {
			t.Errorf("service %s: builds %s in %s: %v", s.Name, s.Build.Dockerfile, s.Build.Context, err)
		}
	}
}

func TestComposeWithSeaweedFS(t *testing.T) {
	p := compose(t, "docker-compose.yml", "docker-compose.seaweedfs.yml")
	report(t, CheckCompose(p, seaweed))
	s3 := p.Services["s3"]
	if s3.Build != nil || serviceOf(s3.Image) != "seaweedfs" || len(s3.Volumes) != 1 || len(s3.Environment) != 0 {
		t.Errorf("service s3 keeps something of the first file: %+v", s3)
	}
	if key := "REWEAVE_S3_MUXER_ACCESS_KEY"; !strings.Contains(p.Configs["seaweedfs-s3"].Content, env(t)[key]) {
		t.Errorf("the configuration of SeaweedFS lacks the access key")
	}
}

// Without secrets nothing starts, and the message says what to do.
func TestComposeWantsSecrets(t *testing.T) {
	for _, name := range []string{"NATS_API_NKEY", "NATS_ENCODER_NKEY", "REWEAVE_KEYS_GID", "REWEAVE_S3_ENCODER_SECRET_KEY", "REWEAVE_S3_ACCESS_KEY", "REWEAVE_S3_SECRET_KEY"} {
		without := maps.Clone(env(t))
		without[name] = ""
		_, err := LoadCompose(t.Context(), without, filepath.Join(root(t), "deploy/docker-compose.yml"))
		if err == nil || !strings.Contains(err.Error(), "deploy/env.sh") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// Slots are given to the encoder where they are set, and else not at all: an empty number
// would be an error.
func TestComposeEncoderSlots(t *testing.T) {
	file := filepath.Join(root(t), "deploy/docker-compose.yml")
	for _, slots := range []string{"", "3"} {
		set := maps.Clone(env(t))
		if slots != "" {
			set["REWEAVE_ENCODER_SLOTS"] = slots
		}
		p, err := LoadCompose(t.Context(), set, file)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Services["encoder"].Environment["REWEAVE_ENCODER_SLOTS"]
		if slots == "" && got != nil || slots != "" && (got == nil || *got != slots) {
			t.Errorf("slots %q became %v", slots, got)
		}
	}
}

func TestDamagedCompose(t *testing.T) {
	for _, d := range []struct{ name, old, new, want string }{
		{"unknown field", "  api:\n", "  api:\n    replicaz: 3\n", "replicaz"},
		{"wrong type", "stop_grace_period: 90s", "stop_grace_period: [90]", "stop_grace_period"},
		{"writable root", "read_only: true\n  cap_drop", "read_only: false\n  cap_drop", "may write its root"},
		{"root", "user: \"65532:65532\"", "user: root", "is not a number"},
		{"capabilities", "cap_drop: [ALL]", "cap_drop: [KILL]", "keeps capabilities"},
		{"privileges", "no-new-privileges:true", "no-new-privileges:false", "may gain"},
		{"open port", "${REWEAVE_BIND:-127.0.0.1}:${REWEAVE_API_PORT", "0.0.0.0:${REWEAVE_API_PORT", "is open on"},
		{"open port of all addresses", "\"${REWEAVE_BIND:-127.0.0.1}:${REWEAVE_API_PORT:-8080}:8080\"", "\"8080:8080\"", "is open on"},
		{"latest", "nats:${NATS_VERSION:-2.15.2}", "nats:latest", "no tag of its own"},
		{"no limits", "limits: {cpus: \"1\", memory: 256M, pids: 256}", "limits: {cpus: \"1\"}", "lacks a limit"},
		{"log without bound", "max-size: 10m, ", "", "not bounded"},
		{"restart", "restart: unless-stopped", "restart: always", "restart is"},
		{"shared scratch", "- {type: volume, target: /scratch}", "- {type: volume, source: s3-data, target: /scratch}", "no volume of its own"},
		{"drain too long", "REWEAVE_DRAIN: ${REWEAVE_DRAIN:-60s}", "REWEAVE_DRAIN: 5m", "not shorter than stop_grace_period"},
		{"variable with a typo", "REWEAVE_API_LISTEN", "REWEAVE_API_LISTENS", "does not know"},
		{"variable of another service", "REWEAVE_MUXER_SCRATCH", "REWEAVE_ENCODER_SLOTS", "does not know"},
		{"dependency missing", "  s3: {condition: service_healthy}\n", "", "does not wait for s3"},
		{"encoder with a name", "  encoder:\n", "  encoder:\n    container_name: encoder\n", "can't be scaled"},
		{"network with a way out", "backend: {internal: true}", "backend: {}", "is not internal"},
		{"key of another service", "source: ./keys/encoder,", "source: ./keys/api,", "has the key of api"},
		{"no key", "      - {type: bind, source: ./keys/encoder, target: /etc/reweave/nats, read_only: true, bind: {create_host_path: false}}\n", "", "no key of its own"},
		{"key that it can't read", "    group_add: *keys\n", "", "is not in the group of the keys"},
		{"NATS without TLS", "tls://nats:4222", "nats://nats:4222", "does not ask for TLS"},
		{"no authority", "      - *ca\n", "", "does not ask for TLS"},
		{"key of NATS", "source: ./keys/encoder,", "source: ./keys/nats,", "has the key of nats"},
		{"NATS without its certificate", "      - {type: bind, source: ./keys/nats, target: /etc/reweave/nats, read_only: true, bind: {create_host_path: false}}\n", "", "no key of its own"},
		{"bind that may be written", "target: /etc/nats, read_only: true", "target: /etc/nats", "may write nats"},
	} {
		t.Run(d.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root(t), "deploy/docker-compose.yml"))
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), d.old, d.new, 1)
			if changed == string(text) {
				t.Fatalf("docker-compose.yml does not hold %q any more", d.old)
			}
			file := filepath.Join(t.TempDir(), "docker-compose.yml")
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := LoadCompose(t.Context(), env(t), file)
			if err != nil {
				wantError(t, []error{err}, d.want)
				return
			}
			wantError(t, CheckCompose(p, reliefs), d.want)
		})
	}
}

// env are values for what the example leaves empty.
func env(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "deploy/reweave.env.example"))
	if err != nil {
		t.Fatal(err)
	}
	values, err := dotenv.UnmarshalWithLookup(string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range values {
		if v == "" {
			values[k] = "test-" + strings.ToLower(k)
		}
	}
	return values
}

func compose(t *testing.T, files ...string) *types.Project {
	t.Helper()
	for i, f := range files {
		files[i] = filepath.Join(root(t), "deploy", f)
	}
	p, err := LoadCompose(t.Context(), env(t), files...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

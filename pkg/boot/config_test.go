package boot

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

type testConfig struct {
	Slots  int           `envconfig:"SLOTS" default:"2" desc:"how many at once"`
	Wait   time.Duration `envconfig:"WAIT" default:"5s" desc:"how long"`
	Token  string        `envconfig:"TOKEN" secret:"true" desc:"token of the api"`
	Tags   []string      `envconfig:"TAGS"`
	Nested struct {
		Deep bool `envconfig:"DEEP" desc:"nested"`
	}
	Named struct {
		Leaf float64 `envconfig:"LEAF" default:"0.5"`
	} `envconfig:"NAMED"`
}

func (c testConfig) Validate() error {
	if c.Slots < 0 {
		return errors.New("REWEAVE_ENCODER_SLOTS: must not be negative")
	}
	return nil
}

// setenv gives the test an environment without any other REWEAVE_ variable.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for name := range environ() {
		if strings.HasPrefix(name, Prefix) {
			t.Setenv(name, "") // puts it back after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestLoadDefaults(t *testing.T) {
	setenv(t, map[string]string{"NATS_URL": "nats://elsewhere", "SLOTS": "9"}) // not ours
	base, cfg, err := Load[testConfig]("encoder")
	if err != nil {
		t.Fatal(err)
	}
	if base.NATS.URL != "nats://127.0.0.1:4222" || base.HTTPListen != ":9090" || base.Drain != time.Minute || base.S3.Bucket != "reweave" {
		t.Errorf("base defaults are %+v", base)
	}
	if cfg.Slots != 2 || cfg.Wait != 5*time.Second || cfg.Named.Leaf != 0.5 {
		t.Errorf("defaults are %+v", cfg)
	}
}

func TestLoadValues(t *testing.T) {
	setenv(t, map[string]string{
		"REWEAVE_NATS_URL": "nats://n:1", "REWEAVE_S3_BUCKET": "b", "REWEAVE_LOG_LEVEL": "debug",
		"REWEAVE_ENCODER_SLOTS": "7", "REWEAVE_ENCODER_TAGS": "x,y", "REWEAVE_ENCODER_DEEP": "true", "REWEAVE_ENCODER_NAMED_LEAF": "2",
		"REWEAVE_API_WHATEVER": "belongs to the api",
		// What Kubernetes sets for Services named reweave-encoder and reweave-nats.
		"REWEAVE_ENCODER_SERVICE_HOST": "10.0.0.1", "REWEAVE_ENCODER_SERVICE_PORT_HTTP": "80", "REWEAVE_NATS_PORT": "tcp://10.0.0.2:4222",
		"REWEAVE_NATS_PORT_4222_TCP_ADDR": "10.0.0.2", "REWEAVE_NATS_PORT_4222_TCP": "tcp://10.0.0.2:4222",
	})
	base, cfg, err := Load[testConfig]("encoder")
	if err != nil {
		t.Fatal(err)
	}
	if base.NATS.URL != "nats://n:1" || base.S3.Bucket != "b" || base.LogLevel != "debug" {
		t.Errorf("base is %+v", base)
	}
	if cfg.Slots != 7 || len(cfg.Tags) != 2 || !cfg.Nested.Deep || cfg.Named.Leaf != 2 {
		t.Errorf("config is %+v", cfg)
	}
}

func TestLoadMistakes(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"REWEAVE_ENCODER_SLOTS", "s3cret", "REWEAVE_ENCODER_SLOTS: want a whole number"},
		{"REWEAVE_ENCODER_SLOTS", "-3", "REWEAVE_ENCODER_SLOTS: must not be negative"},
		{"REWEAVE_ENCODER_WAIT", "s3cret", "REWEAVE_ENCODER_WAIT: want a duration such as 30s or 5m"},
		{"REWEAVE_ENCODER_DEEP", "s3cret", "REWEAVE_ENCODER_DEEP: want true or false"},
		{"REWEAVE_ENCODER_SLOT", "s3cret", "REWEAVE_ENCODER_SLOT: no such setting (did you mean REWEAVE_ENCODER_SLOTS?)"},
		{"REWEAVE_NATS_ULR", "s3cret", "REWEAVE_NATS_ULR: no such setting (did you mean REWEAVE_NATS_URL?)"},
		{"REWEAVE_UTTERLY_UNKNOWN", "s3cret", "REWEAVE_UTTERLY_UNKNOWN: no such setting"},
		{"REWEAVE_ENCODER_PORT", "s3cret", "REWEAVE_ENCODER_PORT: no such setting"},
		{"REWEAVE_ENCODER_TOKEN_FILE", "/no/such/s3cret", "REWEAVE_ENCODER_TOKEN_FILE: can't read the file"},
		{"REWEAVE_ENCODER_SLOTS_FILE", "s3cret", "REWEAVE_ENCODER_SLOTS_FILE: no such setting"},
		{"REWEAVE_LOG_LEVEL", "s3cret", "REWEAVE_LOG_LEVEL: must be debug, info, warn or error"},
		{"REWEAVE_LOG_FORMAT", "s3cret", "REWEAVE_LOG_FORMAT: must be json or console"},
		{"REWEAVE_DRAIN", "-1s", "REWEAVE_DRAIN: must not be negative"},
		{"REWEAVE_NATS_CREDS", "/no/such/s3cret", "REWEAVE_NATS_CREDS: no readable file there"},
		{"REWEAVE_NATS_KEY", "config_test.go", "REWEAVE_NATS_CERT and REWEAVE_NATS_KEY: set both or neither"},
		{"REWEAVE_NATS_REPLICAS", "2", "REWEAVE_NATS_REPLICAS: must be 1, 3 or 5"},
		{"REWEAVE_NATS_ACK_WAIT", "3ms", "REWEAVE_NATS_ACK_WAIT: must be at least 1s"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setenv(t, map[string]string{c.name: c.value})
			_, _, err := Load[testConfig]("encoder")
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells the value: %v", err)
			}
		})
	}
}

func TestLoadReportsAllMistakesTogether(t *testing.T) {
	setenv(t, map[string]string{
		"REWEAVE_ENCODER_SLOTS": "many", "REWEAVE_NATS_REPLICAS": "some", "REWEAVE_DRAIN": "soon", "REWEAVE_TYPO": "1",
	})
	_, _, err := Load[testConfig]("encoder")
	if err == nil {
		t.Fatal("no error")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 4 {
		t.Errorf("want four lines, got:\n%s", err)
	}
}

func TestLoadRequired(t *testing.T) {
	type config struct {
		Must string `envconfig:"MUST" required:"true"`
	}
	setenv(t, nil)
	if _, _, err := Load[config]("encoder"); err == nil || err.Error() != "REWEAVE_ENCODER_MUST: must be set" {
		t.Errorf("got %v", err)
	}
	setenv(t, map[string]string{"REWEAVE_ENCODER_MUST": "x"})
	if _, cfg, err := Load[config]("encoder"); err != nil || cfg.Must != "x" {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestLoadSecretFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  hush \"`\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"REWEAVE_ENCODER_TOKEN_FILE": file, "REWEAVE_S3_SECRET_KEY_FILE": file})
	base, cfg, err := Load[testConfig]("encoder")
	if err != nil || cfg.Token != "hush \"`" || base.S3.SecretKey != "hush \"`" {
		t.Errorf("got %q, %v", cfg.Token, err)
	}
	t.Setenv("REWEAVE_ENCODER_TOKEN", "given")
	if _, cfg, err = Load[testConfig]("encoder"); err != nil || cfg.Token != "given" {
		t.Errorf("got %q, %v; the variable itself goes first", cfg.Token, err)
	}
}

func TestDescribe(t *testing.T) {
	got := Describe("REWEAVE_ENCODER", &testConfig{})
	want := []Variable{
		{Name: "REWEAVE_ENCODER_SLOTS", Default: "2", Description: "how many at once", Type: "a whole number"},
		{Name: "REWEAVE_ENCODER_WAIT", Default: "5s", Description: "how long", Type: "a duration such as 30s or 5m"},
		{Name: "REWEAVE_ENCODER_TOKEN", Description: "token of the api", Secret: true},
		{Name: "REWEAVE_ENCODER_TAGS", Type: "a list with commas between, each text"},
		{Name: "REWEAVE_ENCODER_DEEP", Description: "nested", Type: "true or false"},
		{Name: "REWEAVE_ENCODER_NAMED_LEAF", Default: "0.5", Type: "a number"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, v := range Describe(Prefix, Base{}) {
		if v.Description == "" {
			t.Errorf("%s has no description", v.Name)
		}
	}
}

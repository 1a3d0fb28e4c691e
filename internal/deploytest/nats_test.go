package deploytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tidwall/gjson"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// The server itself reads every nats.conf; it refuses what it does not know.
func TestNATSConfigurations(t *testing.T) {
	t.Setenv("POD_NAME", "nats-0")
	newRing(t)
	for file, routes := range map[string]int{
		composeNATS(t, newAuthority(t).dir): 0,
		shipped(t, "local", nil):            0,
		shipped(t, "production", both(t)):   3,
	} {
		t.Run(file, func(t *testing.T) {
			o, err := server.ProcessConfigFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !o.JetStream || o.StoreDir != "/data" || !o.SyncAlways || o.JetStreamMaxStore <= 0 {
				t.Errorf("JetStream %t in %q, sync always %t, at most %d bytes", o.JetStream, o.StoreDir, o.SyncAlways, o.JetStreamMaxStore)
			}
			checkUsers(t, o)
			if o.HTTPPort != 8222 || o.Port != 4222 || len(o.Routes) != routes {
				t.Errorf("ports %d and %d, %d routes", o.HTTPPort, o.Port, len(o.Routes))
			}
		})
	}
}

// Who may do what is written once: the copies are the same files, since kustomize reads none
// from outside of its directory, and the program holds what deploy/s3 has for other servers.
func TestRightsAreWrittenOnce(t *testing.T) {
	same := map[string]string{}
	for _, f := range []string{"permissions.conf", "users.conf"} {
		same["deploy/nats/"+f] = "deploy/k8s/components/nats/" + f
	}
	for _, s := range Services() {
		same["deploy/s3/"+s+".json"] = "internal/embed/policies/" + s + ".json"
	}
	for a, b := range same {
		one, err := os.ReadFile(filepath.Join(root(t), a))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(root(t), b))
		if err != nil || string(one) != string(other) {
			t.Errorf("%s and %s differ: %v", a, b, err)
		}
	}
}

// For operator mode the same rights are printed as arguments of nsc.
func TestSubjectsAreThoseOfThePermissions(t *testing.T) {
	newRing(t)
	o, err := server.ProcessConfigFile(composeNATS(t, newAuthority(t).dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range o.Nkeys {
		who := owner(u)
		out, err := exec.CommandContext(t.Context(), filepath.Join(root(t), "deploy/nats/subjects.sh"), who).Output()
		want := []string{"--allow-pub", strings.Join(u.Permissions.Publish.Allow, ","), "--allow-sub", strings.Join(u.Permissions.Subscribe.Allow, ",")}
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %q, want %q", who, err, got, want)
		}
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(root(t), "deploy/nats/subjects.sh"), "nobody").Output(); err == nil || len(out) > 0 {
		t.Errorf("of nobody it prints %q", out)
	}
}

// owner is the service, or the admin, that has a key.
func owner(u *server.NkeyUser) string {
	for _, s := range joiners() {
		if os.Getenv("NATS_"+strings.ToUpper(s)+"_NKEY") == u.Nkey {
			return s
		}
	}
	return "nobody"
}

// checkUsers wants one key for each service and the admin, none of which may do everything, and no
// passwords.
func checkUsers(t *testing.T, o *server.Options) {
	t.Helper()
	if len(o.Users) > 0 || o.Username != "" || o.Authorization != "" {
		t.Error("somebody comes in with a password")
	}
	var names []string
	for _, u := range o.Nkeys {
		who := owner(u)
		names = append(names, who)
		if u.Permissions == nil || slices.Contains(u.Permissions.Publish.Allow, ">") ||
			len(u.Permissions.Publish.Allow) == 0 || !slices.Contains(u.Permissions.Subscribe.Allow, "_INBOX_"+who+".>") {
			t.Errorf("the %s may do too much or has another key", who)
		}
	}
	want := joiners()
	slices.Sort(want)
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("keys of %v, want one for each of %v", names, want)
	}
}

// KEDA's trigger reads what it should off a real server: all messages of the work queue
// SEG, waiting or in flight, and no value where there is no stream.
func TestScaledObjectValue(t *testing.T) {
	m := build(t, filesys.MakeFsOnDisk(), filepath.Join(root(t), "deploy/k8s/overlays/keda"))
	var o scaledObject
	if err := yaml.Unmarshal(m.Custom[0].YAML, &o); err != nil {
		t.Fatal(err)
	}
	trigger := o.Spec.Triggers[0].Metadata
	u, err := url.Parse(trigger["url"])
	if err != nil {
		t.Fatal(err)
	}
	js, monitor := natsServer(t)
	u.Host = monitor
	value := func() gjson.Result { return gjson.GetBytes(get(t, u.String()), trigger["valueLocation"]) }

	if got := value(); got.Exists() {
		t.Errorf("without the stream the value is %s", got)
	}
	for _, name := range []string{"ABC", "SEG", "XYZ"} {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Retention: jetstream.WorkQueuePolicy}); err != nil {
			t.Fatal(err)
		}
	}
	if got := value(); got.Type != gjson.Number || got.Int() != 0 {
		t.Errorf("of an empty stream the value is %s", got)
	}
	for i := range 7 {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("SEG.normal.%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := js.CreateConsumer(t.Context(), "SEG", jetstream.ConsumerConfig{Durable: "normal", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	next := func() jetstream.Msg {
		msg, err := c.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	next()
	if err := next().DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := value(); got.Int() != 6 {
		t.Errorf("with 5 waiting, 1 in flight and 1 done the value is %s", got)
	}
}

// natsServer starts a server with one user, as nats.conf has it, and returns the address of
// its monitor.
func natsServer(t *testing.T) (jetstream.JetStream, string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), Username: "reweave", Password: "r1e10",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("reweave", "r1e10"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js, s.MonitorAddr().String()
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !json.Valid(text) {
		t.Fatalf("%s: %v, %.200s", url, err, text)
	}
	return text
}

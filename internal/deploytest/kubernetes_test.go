package deploytest

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomization is a directory that can be applied, and what is wanted of it.
type kustomization struct {
	dir string
	// external are the Secrets that it does not make.
	external SecretKeys
	// open are the connections between its pods.
	open []Edge
}

// perService are the Secrets of the four services alone.
var perService = SecretKeys{
	"reweave-s3-api": keyPair, "reweave-s3-splitter": keyPair, "reweave-s3-encoder": keyPair, "reweave-s3-muxer": keyPair,
	"reweave-nats-api": seed, "reweave-nats-splitter": seed, "reweave-nats-encoder": seed, "reweave-nats-muxer": seed,
	"reweave-api": {"tokens"},
}

var keyPair, seed = []string{"access-key", "secret-key"}, []string{"seed"}

// wanted are those of production, whose NATS has TLS, also between its servers.
var wanted = merged(perService, SecretKeys{
	"reweave-nats":        {"api-nkey", "splitter-nkey", "encoder-nkey", "muxer-nkey", "admin-nkey"},
	"reweave-nats-tls":    {"ca.crt", "tls.crt", "tls.key"},
	"reweave-nats-routes": {"ca.crt", "tls.crt", "tls.key"},
})

func merged(a, b SecretKeys) SecretKeys {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

var kustomizations = []kustomization{
	{dir: "base", external: perService},
	{dir: "overlays/local", open: append(edges("nats", 4222), append(edges("s3", 9000), Edge{"nats", "nats", 6222})...)},
	{dir: "overlays/production", external: wanted, open: append(edges("nats", 4222), Edge{"nats", "nats", 6222})},
	{dir: "overlays/keda", external: wanted, open: append(edges("nats", 4222), Edge{"nats", "nats", 6222})},
}

// ports are those that something listens on.
var ports = []int32{4222, 6222, 8080, 8222, 9000, 9090}

func edges(to string, port int32) []Edge {
	var all []Edge
	for _, s := range Services() {
		all = append(all, Edge{"reweave-" + s, to, port})
	}
	return all
}

func TestKustomizations(t *testing.T) {
	for _, k := range kustomizations {
		t.Run(k.dir, func(t *testing.T) {
			m := build(t, filesys.MakeFsOnDisk(), filepath.Join(root(t), "deploy/k8s", k.dir))
			report(t, CheckPods(m))
			report(t, CheckReferences(m, k.external))
			report(t, CheckNetwork(m, k.open, ports))
			for _, c := range m.Custom {
				report(t, CheckCustom(kedaDefinition(t), c))
			}
		})
	}
}

// Every directory with a kustomization is one of the table's, or a component that one of
// them uses.
func TestEveryKustomizationIsChecked(t *testing.T) {
	known := map[string]bool{}
	for _, k := range kustomizations {
		known[k.dir] = true
	}
	dir := filepath.Join(root(t), "deploy/k8s")
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", "kustomization.yaml"))
	if err != nil || len(found) == 0 {
		t.Fatalf("find kustomizations: %v, %v", found, err)
	}
	for _, f := range found {
		rel, err := filepath.Rel(dir, filepath.Dir(f))
		if err != nil {
			t.Fatal(err)
		}
		if !known[rel] && !strings.HasPrefix(rel, "components/") {
			t.Errorf("%s is checked by nothing", rel)
		}
	}
}

func TestOverlays(t *testing.T) {
	dir := filepath.Join(root(t), "deploy/k8s/overlays")
	local := build(t, filesys.MakeFsOnDisk(), filepath.Join(dir, "local"))
	for _, w := range local.Workloads() {
		if w.Replicas == nil || *w.Replicas != 1 {
			t.Errorf("local: %s does not have one replica", w.Name)
		}
	}
	production := build(t, filesys.MakeFsOnDisk(), filepath.Join(dir, "production"))
	nats, ok := production.workload("StatefulSet", "nats")
	if !ok || *nats.Replicas != 3 {
		t.Errorf("production: NATS has not three replicas")
	}
	if _, ok := production.workload("StatefulSet", "s3"); ok {
		t.Errorf("production: brings an S3 server")
	}
	if len(each[*corev1.Secret](production)) > 0 {
		t.Errorf("production: has a Secret in it")
	}
	api, _ := production.workload("Deployment", "reweave-api")
	env, _ := containerEnv(production, &api.Pod.Spec.Containers[0])
	if env["REWEAVE_NATS_REPLICAS"] != "3" || !strings.HasPrefix(env["REWEAVE_S3_ENDPOINT"], "https://") {
		t.Errorf("production: streams on %q servers, S3 at %q", env["REWEAVE_NATS_REPLICAS"], env["REWEAVE_S3_ENDPOINT"])
	}
	keda := build(t, filesys.MakeFsOnDisk(), filepath.Join(dir, "keda"))
	if len(keda.Custom) != 1 {
		t.Errorf("keda: %d custom resources, not one", len(keda.Custom))
	}
}

// The example of the Secrets names just the keys that the overlay refers to.
func TestSecretsExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "deploy/k8s/overlays/production/secrets.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := SecretKeys{}
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		o, err := Decode([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		got[o.GetName()] = keys(o.(*corev1.Secret).StringData)
	}
	for name, want := range wanted {
		if len(got[name]) != len(want) {
			t.Errorf("%s has the keys %v, not %v", name, got[name], want)
		}
		for _, k := range want {
			if !strings.Contains(strings.Join(got[name], " "), k) {
				t.Errorf("%s lacks %s", name, k)
			}
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	r, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func build(t *testing.T, fs filesys.FileSystem, dir string) *Manifests {
	t.Helper()
	m, err := Build(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Workloads()) == 0 {
		t.Fatal("no workloads")
	}
	return m
}

func kedaDefinition(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/keda.sh_scaledobjects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func report(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		t.Error(err)
	}
}

// wantError looks for one error that holds a text.
func wantError(t *testing.T, errs []error, text string) {
	t.Helper()
	for _, err := range errs {
		if strings.Contains(err.Error(), text) {
			return
		}
	}
	t.Errorf("found %v, wanted an error with %q", errs, text)
}

package deploytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// damage is one change to one file under deploy/k8s, and what must be said of it.
type damage struct {
	name, overlay, file, old, new, want string
}

var damages = []damage{
	{"field with a typo", "local", "base/api.yaml", "automountServiceAccountToken:", "automountServiceAcountToken:", "unknown field"},
	{"field at the wrong level", "local", "base/encoder.yaml", "        - name: encoder\n", "        - name: encoder\n          replicas: 3\n", "unknown field"},
	{"unknown field of kustomize", "local", "overlays/local/kustomization.yaml", "components:", "componentz:", "unknown field"},
	{"wrong type", "local", "base/muxer.yaml", "terminationGracePeriodSeconds: 150", "terminationGracePeriodSeconds: long", "cannot unmarshal"},
	{"root", "local", "base/api.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"},
	{"writable root", "local", "base/muxer.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may write its root"},
	{"escalation", "local", "components/s3/s3.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "escalate"},
	{"capabilities", "local", "components/nats/nats.yaml", "drop: [ALL]", "drop: [KILL]", "keeps capabilities"},
	{"seccomp", "local", "base/splitter.yaml", "type: RuntimeDefault", "type: Unconfined", "seccomp"},
	{"what the standard forbids", "local", "base/api.yaml", "drop: [ALL]", "drop: [ALL]\n              add: [SYS_TIME]", "is not let in"},
	{"token", "local", "base/serviceaccounts.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "mounts a token"},
	{"service links", "local", "base/encoder.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"},
	{"no probe", "local", "base/api.yaml", "readinessProbe:", "livenessProbe:", "already defined"},
	{"probe of another port", "local", "base/api.yaml", "port: health\n            periodSeconds: 5", "port: healthy\n            periodSeconds: 5", "which it does not have"},
	{"liveness that asks dependencies", "local", "base/muxer.yaml", "path: /livez", "path: /readyz", "probe asks /readyz"},
	{"request above limit", "production", "base/encoder.yaml", "memory: 2Gi", "memory: 8Gi", "asks for more memory"},
	{"no limit", "local", "components/nats/nats.yaml", "cpu: \"1\"\n", "ephemeral-storage: 1Gi\n", "no request or no limit of cpu"},
	{"latest", "local", "components/nats/nats.yaml", "image: nats:2.15.2", "image: nats:latest", "no tag of its own"},
	{"no tag", "local", "components/nats/nats.yaml", "image: nats:2.15.2", "image: nats", "no tag of its own"},
	{"volume without bound", "local", "base/encoder.yaml", "emptyDir:\n            sizeLimit: 20Gi", "emptyDir: {}", "no size limit"},
	{"mount of nothing", "local", "base/encoder.yaml", "- name: scratch\n              mountPath", "- name: scrap\n              mountPath", "which is no volume"},
	{"drain too long", "local", "base/kustomization.yaml", "REWEAVE_DRAIN=120s", "REWEAVE_DRAIN=10m", "not shorter than the grace period"},
	{"drain that is no duration", "local", "base/kustomization.yaml", "REWEAVE_DRAIN=120s", "REWEAVE_DRAIN=120", "not shorter than the grace period"},
	{"selector of other pods", "local", "base/api.yaml", "    matchLabels:\n      app.kubernetes.io/name: reweave", "    matchLabels:\n      app.kubernetes.io/name: weave", "does not match its own pods"},
	{"variable with a typo", "local", "base/kustomization.yaml", "REWEAVE_LOG_LEVEL", "REWEAVE_LOGLEVEL", "does not know REWEAVE_LOGLEVEL"},
	{"variable of another service", "local", "base/muxer.yaml", "REWEAVE_MUXER_SCRATCH", "REWEAVE_ENCODER_SCRATCH", "does not know REWEAVE_ENCODER_SCRATCH"},
	{"key of another service", "production", "base/encoder.yaml", "name: reweave-s3-encoder\n                  key: access-key", "name: reweave-s3-muxer\n                  key: access-key", "uses the key of muxer"},
	{"seed of another service", "production", "base/muxer.yaml", "secretName: reweave-nats-muxer", "secretName: reweave-nats-api", "uses the key of api"},
	{"no seed", "local", "base/kustomization.yaml", "      - REWEAVE_NATS_NKEY=/run/secrets/reweave-nats/seed\n", "", "REWEAVE_NATS_NKEY is not set"},
	{"routes without a Secret", "production", "components/nats-cluster/kustomization.yaml", "secretName: reweave-nats-routes", "secretName: reweave-nats-roots", "no Secret reweave-nats-roots"},
	{"variable missing", "local", "base/kustomization.yaml", "      - REWEAVE_S3_ENDPOINT=http://s3:9000\n", "", "REWEAVE_S3_ENDPOINT is not set"},
	{"ConfigMap missing", "local", "base/api.yaml", "name: reweave-api\n          env:", "name: reweave-api2\n          env:", "no ConfigMap reweave-api2"},
	{"key of Secret missing", "local", "overlays/local/kustomization.yaml", "access-key=", "accesskey=", "no Secret"},
	{"key misspelt, Secret from outside", "production", "base/encoder.yaml", "key: access-key", "key: accesskey", "no Secret reweave-s3-encoder with key accesskey"},
	{"Service of nothing", "local", "components/s3/s3.yaml", "  selector:\n    app.kubernetes.io/name: reweave", "  selector:\n    app.kubernetes.io/name: s3", "Service s3 selects 0"},
	{"port of Service", "local", "base/api.yaml", "targetPort: http", "targetPort: web", "has no port web"},
	{"budget of nothing", "local", "base/disruption.yaml", "app.kubernetes.io/component: api", "app.kubernetes.io/component: apis", "selects 0 workloads"},
	{"budget that blocks", "local", "base/disruption.yaml", "maxUnavailable: 1", "minAvailable: 1", "could stop a node's drain"},
	{"autoscaler of nothing", "production", "base/autoscaling.yaml", "name: reweave-encoder\n  minReplicas", "name: encoder\n  minReplicas", "which is not there"},
	{"autoscaler and replicas", "production", "base/api.yaml", "  revisionHistoryLimit: 3", "  revisionHistoryLimit: 3\n  replicas: 2", "sets its replicas"},
	{"two autoscalers", "keda", "overlays/keda/kustomization.yaml", "\npatches:\n  - target: {kind: HorizontalPodAutoscaler, name: reweave-encoder}", "\npatches:\n  - target: {kind: HorizontalPodAutoscaler, name: reweave-api}", "has 2 autoscalers"},
	{"field of the ScaledObject", "keda", "overlays/keda/scaledobject.yaml", "pollingInterval:", "pollInterval:", "unknown field .spec.pollInterval"},
	{"type in the ScaledObject", "keda", "overlays/keda/scaledobject.yaml", "maxReplicaCount: 16", "maxReplicaCount: many", "maxReplicaCount"},
	{"value in the ScaledObject", "keda", "overlays/keda/scaledobject.yaml", "behavior: currentReplicasIfHigher", "behavior: best", "fallback.behavior"},
	{"trigger's field", "keda", "overlays/keda/scaledobject.yaml", "valueLocation:", "valuePath:", "unknown field valuePath"},
	{"no default deny", "local", "base/network.yaml", "name: default-deny\nspec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]", "name: default-deny\nspec:\n  podSelector: {}\n  policyTypes: [Ingress]", "not denied by default"},
	{"no DNS", "local", "base/network.yaml", "k8s-app: kube-dns", "k8s-app: dns", "may not ask DNS"},
	{"edge closed at one end", "local", "components/nats/network.yaml", "values: [api, splitter, encoder, muxer]", "values: [api, splitter, muxer]", "reweave-encoder → nats:4222"},
	{"edge open that should not be", "local", "components/nats/network.yaml", "        - {protocol: TCP, port: 4222}\n", "        - {protocol: TCP, port: 4222}\n        - {protocol: TCP, port: 8222}\n", "nats:8222"},
	{"exception outside of its block", "local", "base/network.yaml", "169.254.0.0/16", "\"2001:db8::/32\"", "is not a part of 0.0.0.0/0"},
	{"mapped exception", "local", "base/network.yaml", "\"ff00::/8\"", "\"::ffff:0:0/96\"", "is not a part of ::/0"},
	{"policy of nothing", "local", "components/s3/network.yaml", "app.kubernetes.io/component: s3\n  policyTypes", "app.kubernetes.io/component: s4\n  policyTypes", "selects no pod"},
	{"namespace not restricted", "local", "base/namespace.yaml", "enforce: restricted", "enforce: privileged", "restricted pod security"},
}

// Every rule can fail: each damage to the files is found.
func TestDamagedManifests(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			k := kustomizationOf(t, "overlays/"+d.overlay)
			m, err := Build(damaged(t, d), "/k8s/"+k.dir)
			if err != nil {
				wantError(t, []error{err}, d.want)
				return
			}
			errs := append(CheckPods(m), CheckReferences(m, k.external)...)
			errs = append(errs, CheckNetwork(m, k.open, ports)...)
			for _, c := range m.Custom {
				errs = append(errs, CheckCustom(kedaDefinition(t), c)...)
			}
			wantError(t, errs, d.want)
		})
	}
}

func kustomizationOf(t *testing.T, dir string) kustomization {
	t.Helper()
	for _, k := range kustomizations {
		if k.dir == dir {
			return k
		}
	}
	t.Fatalf("no kustomization %s", dir)
	return kustomization{}
}

// damaged is deploy/k8s in memory, with one change.
func damaged(t *testing.T, d damage) filesys.FileSystem {
	t.Helper()
	mem := filesys.MakeFsInMemory()
	disk := filepath.Join(root(t), "deploy/k8s")
	done := false
	err := filepath.WalkDir(disk, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(disk, path)
		if err != nil {
			return err
		}
		if rel == d.file {
			changed := strings.Replace(string(text), d.old, d.new, 1)
			done = changed != string(text)
			text = []byte(changed)
		}
		return mem.WriteFile("/k8s/"+rel, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatalf("%s does not hold %q any more", d.file, d.old)
	}
	return mem
}

package deploytest

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Object is anything that the API server keeps.
type Object interface {
	runtime.Object
	metav1.Object
}

// Manifests is what one kustomization makes.
type Manifests struct {
	Objects []Object
	// Custom are the resources of kinds that Kubernetes itself does not have, as YAML.
	Custom []Custom
}

// Custom is a custom resource.
type Custom struct {
	APIVersion, Kind, Name string
	YAML                   []byte
}

// Build runs kustomize in a directory and decodes what comes out, with unknown and doubled
// fields as errors.
func Build(fs filesys.FileSystem, dir string) (*Manifests, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, dir)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", dir, err)
	}
	m := &Manifests{}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", dir, err)
		}
		if !scheme.Scheme.IsGroupRegistered(r.GetGvk().Group) {
			m.Custom = append(m.Custom, Custom{APIVersion: r.GetApiVersion(), Kind: r.GetKind(), Name: r.GetName(), YAML: text})
			continue
		}
		o, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("decode %s %s: %w", r.GetKind(), r.GetName(), err)
		}
		m.Objects = append(m.Objects, o)
	}
	return m, nil
}

// Decode reads one object strictly.
func Decode(text []byte) (Object, error) {
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	o, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	return o.(Object), nil
}

// each yields the objects of one type.
func each[T Object](m *Manifests) []T {
	var found []T
	for _, o := range m.Objects {
		if t, ok := o.(T); ok {
			found = append(found, t)
		}
	}
	return found
}

// find returns the object of a type and name.
func find[T Object](m *Manifests, name string) (T, bool) {
	for _, o := range each[T](m) {
		if o.GetName() == name {
			return o, true
		}
	}
	var none T
	return none, false
}

// Workload is what makes pods: a Deployment or a StatefulSet.
type Workload struct {
	Kind, Name string
	// Replicas is nil where the manifest leaves the number to an autoscaler.
	Replicas *int32
	Selector *metav1.LabelSelector
	Pod      *corev1.PodTemplateSpec
	Claims   []corev1.PersistentVolumeClaim
}

// Workloads returns all of them.
func (m *Manifests) Workloads() []Workload {
	var all []Workload
	for _, d := range each[*appsv1.Deployment](m) {
		all = append(all, Workload{"Deployment", d.Name, d.Spec.Replicas, d.Spec.Selector, &d.Spec.Template, nil})
	}
	for _, s := range each[*appsv1.StatefulSet](m) {
		all = append(all, Workload{"StatefulSet", s.Name, s.Spec.Replicas, s.Spec.Selector, &s.Spec.Template, s.Spec.VolumeClaimTemplates})
	}
	return all
}

// workload finds one by kind and name.
func (m *Manifests) workload(kind, name string) (Workload, bool) {
	for _, w := range m.Workloads() {
		if w.Kind == kind && w.Name == name {
			return w, true
		}
	}
	return Workload{}, false
}

// selected are the workloads whose pods a selector matches.
func (m *Manifests) selected(s *metav1.LabelSelector) ([]Workload, error) {
	sel, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, err
	}
	var hit []Workload
	for _, w := range m.Workloads() {
		if sel.Matches(labels.Set(w.Pod.Labels)) {
			hit = append(hit, w)
		}
	}
	return hit, nil
}

// policies are the NetworkPolicies.
func (m *Manifests) policies() []*networkingv1.NetworkPolicy {
	return each[*networkingv1.NetworkPolicy](m)
}

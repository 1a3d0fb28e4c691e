package deploytest

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"
)

// definition is the part of a CustomResourceDefinition that is needed here.
type definition struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPI spec.Schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// CheckCustom holds a custom resource against its CustomResourceDefinition: values by the
// schema, and fields that the schema does not name, which the API server would drop.
func CheckCustom(crd []byte, c Custom) []error {
	var d definition
	if err := yaml.Unmarshal(crd, &d); err != nil {
		return []error{fmt.Errorf("read definition: %w", err)}
	}
	for _, v := range d.Spec.Versions {
		if c.Kind != d.Spec.Names.Kind || c.APIVersion != d.Spec.Group+"/"+v.Name {
			continue
		}
		var o map[string]any
		if err := yaml.UnmarshalStrict(c.YAML, &o); err != nil {
			return []error{fmt.Errorf("read %s: %w", c.Name, err)}
		}
		schema := v.Schema.OpenAPI
		errs := validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(o).Errors
		meta := o["metadata"]
		delete(o, "metadata") // the API server's own type
		errs = append(errs, unknownFields(&schema, o, "")...)
		if meta == nil {
			errs = append(errs, errors.New("no metadata"))
		}
		return errs
	}
	return []error{fmt.Errorf("no definition of %s %s", c.APIVersion, c.Kind)}
}

// unknownFields walks a value beside its schema.
func unknownFields(s *spec.Schema, value any, path string) []error {
	if keep, _ := s.Extensions.GetBool("x-kubernetes-preserve-unknown-fields"); keep {
		return nil
	}
	var errs []error
	switch v := value.(type) {
	case map[string]any:
		for k, child := range v {
			p, known := s.Properties[k]
			switch {
			case known:
				errs = append(errs, unknownFields(&p, child, path+"."+k)...)
			case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
				errs = append(errs, unknownFields(s.AdditionalProperties.Schema, child, path+"."+k)...)
			default:
				errs = append(errs, fmt.Errorf("unknown field %s.%s", path, k))
			}
		}
	case []any:
		if s.Items != nil && s.Items.Schema != nil {
			for i, child := range v {
				errs = append(errs, unknownFields(s.Items.Schema, child, fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
	}
	return errs
}

// scaledObject is what the rules ask of a KEDA ScaledObject.
type scaledObject struct {
	Spec struct {
		ScaleTargetRef struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"scaleTargetRef"`
		Triggers []struct {
			Type     string            `json:"type"`
			Metadata map[string]string `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// metricsAPI are the metadata of KEDA's metrics-api trigger (v2.21, metrics_api_scaler.go).
// The definition leaves them free, so KEDA ignores a typo among them.
var metricsAPI = []string{"targetValue", "activationTargetValue", "url", "format", "valueLocation", "unsafeSsl", "aggregateFromKubeServiceEndpoints", "aggregationType", "timeout"}

// checkTriggers says what is wrong with a ScaledObject's triggers.
func checkTriggers(o scaledObject) []error {
	if len(o.Spec.Triggers) == 0 {
		return []error{errors.New("no trigger")}
	}
	var errs []error
	for _, t := range o.Spec.Triggers {
		if t.Type != "metrics-api" {
			errs = append(errs, fmt.Errorf("trigger %s: not one whose fields are known here", t.Type))
			continue
		}
		for k := range t.Metadata {
			if !slices.Contains(metricsAPI, k) {
				errs = append(errs, fmt.Errorf("trigger %s: unknown field %s", t.Type, k))
			}
		}
		for _, k := range []string{"url", "valueLocation", "targetValue"} {
			if t.Metadata[k] == "" {
				errs = append(errs, fmt.Errorf("trigger %s: no %s", t.Type, k))
			}
		}
	}
	return errs
}

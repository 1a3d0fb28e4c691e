package boot

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// field is one variable and where its value goes.
type field struct {
	prefix, name string // REWEAVE and NATS_URL
	tag          reflect.StructTag
	value        reflect.Value
}

// fields returns the variables of a configuration, in the order of its fields. A
// nested struct adds its envconfig tag to the prefix, or nothing when it has none.
func fields(prefix string, cfg reflect.Value) []field {
	var all []field
	for i := range cfg.NumField() {
		t, v := cfg.Type().Field(i), cfg.Field(i)
		if !t.IsExported() || t.Tag.Get("ignored") == "true" {
			continue
		}
		name := strings.ToUpper(t.Tag.Get("envconfig"))
		if v.Kind() == reflect.Struct && !decodes(t.Type) {
			inner := prefix
			if name != "" {
				inner += "_" + name
			}
			all = append(all, fields(inner, v)...)
			continue
		}
		if name == "" {
			name = strings.ToUpper(t.Name)
		}
		all = append(all, field{prefix, name, t.Tag, v})
	}
	return all
}

// decodes reports whether values of type t read themselves from text.
func decodes(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[envconfig.Decoder]()) ||
		p.Implements(reflect.TypeFor[envconfig.Setter]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (f field) key() string  { return f.prefix + "_" + f.name }
func (f field) secret() bool { return f.tag.Get("secret") == "true" }

// read sets the field from the environment. envconfig is given one field at a time,
// and that without its own tag, for three reasons: it would stop at the first error,
// its errors tell the value, and it would take NATS_URL where REWEAVE_NATS_URL is
// unset.
func (f field) read() error {
	if done, err := f.readFile(); done || err != nil {
		return err
	}
	one := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: f.name, Type: f.value.Type(), Tag: f.processTag(),
	}}))
	if err := envconfig.Process(f.prefix, one.Interface()); err != nil {
		if _, set := os.LookupEnv(f.key()); !set && f.tag.Get("required") == "true" {
			return fmt.Errorf("%s: must be set", f.key())
		}
		return fmt.Errorf("%s: want %s", f.key(), kindOf(f.value.Type()))
	}
	f.value.Set(one.Elem().Field(0))
	return nil
}

func (f field) processTag() reflect.StructTag {
	return reflect.StructTag(fmt.Sprintf(`default:%s required:%s`,
		strconv.Quote(f.tag.Get("default")), strconv.Quote(f.tag.Get("required"))))
}

// readFile sets a secret from the file that X_FILE names, when X itself is unset.
func (f field) readFile() (done bool, err error) {
	path, named := os.LookupEnv(f.key() + "_FILE")
	_, set := os.LookupEnv(f.key())
	if !f.secret() || !named || set {
		return false, nil
	}
	content, err := os.ReadFile(path)
	if err != nil { // the error would tell the path, which is a value
		return false, fmt.Errorf("%s_FILE: can't read the file", f.key())
	}
	f.value.SetString(strings.TrimSpace(string(content)))
	return true, nil
}

// kindOf says in words what values of a type look like.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 5m"
	case decodes(t):
		return "a valid " + strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list with commas between, each " + kindOf(t.Elem())
	case reflect.Map:
		return "a list of name:value with commas between"
	case reflect.String:
		return "text"
	case reflect.Pointer:
		return kindOf(t.Elem())
	default:
		return "a valid " + t.String()
	}
}

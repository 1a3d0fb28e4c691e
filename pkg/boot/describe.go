package boot

import "reflect"

// Variable describes one variable of the environment, for the documentation.
type Variable struct {
	// Name is the whole name, such as REWEAVE_NATS_URL.
	Name string
	// Default is the text of the default, "" for none.
	Default string
	// Description says in a few words what the variable does.
	Description string
	// Type is what the value is in words, such as "a whole number"; "" for text.
	Type string
	// Secret says that Name_FILE may name a file with the value instead.
	Secret bool
	// Required says that the service doesn't start without it.
	Required bool
}

// Describe returns the variables of a configuration struct (or of a pointer to
// one), in the order of its fields.
func Describe(prefix string, cfg any) []Variable {
	t := reflect.TypeOf(cfg)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var vars []Variable
	for _, f := range fields(prefix, reflect.New(t).Elem()) {
		v := Variable{
			Name: f.key(), Default: f.tag.Get("default"), Description: f.tag.Get("desc"),
			Secret: f.secret(), Required: f.tag.Get("required") == "true",
		}
		if f.value.Kind() != reflect.String {
			v.Type = kindOf(f.value.Type())
		}
		vars = append(vars, v)
	}
	return vars
}

package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Slugs finds the types of problems that code gives: strings that become the field Type
// of a fault.Error, or are passed as a parameter called slug, or returned as a result
// called so. It returns where each is, and what it can't tell the value of.
func Slugs(files []File) (slugs map[string]string, unknown []string) {
	c := &collector{slugs: map[string]string{}, takes: map[string]int{}, consts: map[string]string{}}
	for _, f := range files {
		if !f.Test {
			c.index(f)
		}
	}
	for _, f := range files {
		if !f.Test {
			c.collect(f)
		}
	}
	return c.slugs, c.unknown
}

type collector struct {
	slugs   map[string]string // → where
	unknown []string
	takes   map[string]int    // function → place of its parameter slug
	consts  map[string]string // constant of a package → value
}

// key names a function or constant as others call it: exported ones by their name
// alone, others together with their package's directory.
func key(f File, name string) string {
	if ast.IsExported(name) {
		return name
	}
	return path.Dir(f.Path) + "." + name
}

// index notes what takes a slug, and constants.
func (c *collector) index(f File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if i := place(d.Type.Params, "slug"); i >= 0 {
				c.takes[key(f, d.Name.Name)] = i
			}
		case *ast.GenDecl:
			if d.Tok == token.CONST {
				c.indexConsts(f, d)
			}
		}
	}
}

func (c *collector) indexConsts(f File, d *ast.GenDecl) {
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, value := range v.Values {
			if text, ok := literal(value); ok {
				c.consts[key(f, v.Names[i].Name)] = text
			}
		}
	}
}

// place returns the index of the parameter or result of a name, or -1.
func place(fields *ast.FieldList, name string) int {
	if fields == nil {
		return -1
	}
	i := 0
	for _, field := range fields.List {
		for _, n := range field.Names {
			if n.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

func (c *collector) collect(f File) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if i, ok := c.takes[key(f, called(n))]; ok && i < len(n.Args) {
				c.add(f, n.Args[i])
			}
		case *ast.CompositeLit:
			c.collectFields(f, n)
		case *ast.AssignStmt:
			c.collectAssigned(f, n)
		case *ast.FuncDecl:
			if i := place(n.Type.Results, "slug"); i >= 0 && n.Body != nil {
				c.collectReturned(f, n.Body, i)
			}
		case *ast.ValueSpec:
			// The api's table of HTTP's own problems: slug, title, hint.
			if n.Names[0].Name == "kinds" && len(n.Values) == 1 {
				c.collectTable(f, n.Values[0])
			}
		}
		return true
	})
}

// called returns the name of the function that is called.
func called(n *ast.CallExpr) string {
	switch fn := n.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

// collectFields looks for the field Type in a fault.Error or fault.Problem.
func (c *collector) collectFields(f File, n *ast.CompositeLit) {
	kind := ""
	switch t := n.Type.(type) {
	case *ast.SelectorExpr:
		if p, ok := t.X.(*ast.Ident); ok && p.Name == "fault" {
			kind = t.Sel.Name
		}
	case *ast.Ident:
		if path.Dir(f.Path) == "pkg/fault" {
			kind = t.Name
		}
	}
	if kind != "Error" && kind != "Problem" {
		return
	}
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && name(kv.Key) == "Type" {
			c.add(f, kv.Value)
		}
	}
}

// collectAssigned looks for "x.Type = …" where a string is assigned.
func (c *collector) collectAssigned(f File, n *ast.AssignStmt) {
	for i, left := range n.Lhs {
		sel, ok := left.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Type" || len(n.Rhs) != len(n.Lhs) {
			continue
		}
		if _, ok := literal(n.Rhs[i]); ok {
			c.add(f, n.Rhs[i])
		}
	}
}

func (c *collector) collectReturned(f File, body *ast.BlockStmt, i int) {
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && i < len(r.Results) {
			c.add(f, r.Results[i])
		}
		return true
	})
}

func (c *collector) collectTable(f File, n ast.Expr) {
	table, ok := n.(*ast.CompositeLit)
	if !ok {
		return
	}
	for _, e := range table.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if row, ok := kv.Value.(*ast.CompositeLit); ok && len(row.Elts) > 0 {
				c.add(f, row.Elts[0])
			}
		}
	}
}

var slugForm = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)*$`)

// add notes the slug that an expression is. One that is handed on, from a parameter or
// a field, is noted where it comes from.
func (c *collector) add(f File, e ast.Expr) {
	if sum, ok := e.(*ast.BinaryExpr); ok && name(sum.X) == "TypeBase" {
		e = sum.Y
	}
	text, ok := literal(e)
	if !ok {
		text, ok = c.consts[key(f, name(e))]
	}
	switch n := name(e); {
	case ok && slugForm.MatchString(text):
		c.slugs[text] = f.At(e)
	case ok:
		c.unknown = append(c.unknown, fmt.Sprintf("%s: %q is no slug", f.At(e), text))
	case n == "slug" || n == "Slug" || n == "kind":
	default:
		c.unknown = append(c.unknown, f.At(e)+": a problem's type that is not a constant")
	}
}

// name returns the last part of a name, or of what is indexed or called.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return name(e.X)
	case *ast.CallExpr:
		return name(e.Fun)
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// Problems wants the document to have a heading of the third level for each slug, and
// none for others.
func Problems(slugs map[string]string, document string) (wrong []string) {
	var headings []string
	for line := range strings.Lines(document) {
		if h, ok := strings.CutPrefix(line, "### "); ok {
			headings = append(headings, strings.TrimSpace(h))
		}
	}
	for slug, where := range slugs {
		if !slices.Contains(headings, slug) {
			wrong = append(wrong, fmt.Sprintf("%s: the problem %q is not documented", where, slug))
		}
	}
	for _, h := range headings {
		if _, ok := slugs[h]; !ok {
			wrong = append(wrong, fmt.Sprintf("the problem %q is documented and does not exist", h))
		}
	}
	slices.Sort(wrong)
	return wrong
}

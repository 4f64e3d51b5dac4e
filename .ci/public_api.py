"""Reads rustdoc's JSON: each public item of a crate as one line, the items without documentation, and the types by name."""

from collections import defaultdict

# Traits whose implementations do not interest a reader. Which of them exist depends on the compiler.
UNNAMED = {"StructuralPartialEq", "Freeze", "UnsafeUnpin"}
# The automatic traits that programs care about.
AUTOMATIC = {"Send", "Sync", "Unpin"}


class Crate:
    """The public items of one crate."""

    def __init__(self, data):
        self.index = data["index"]
        self.paths = data["paths"]
        self.lines = set()
        self.documented = set()
        self.undocumented = set()
        self.types = defaultdict(dict)
        self.seen = set()
        root = self.index[str(data["root"])]
        self.item(root, "", root["name"])

    # -- types, as text

    def path(self, path):
        known = self.paths.get(str(path["id"]))
        parts = known["path"] if known else [path["path"].split("::")[-1]]
        name = parts[-1]
        if known and known["crate_id"] != 0:
            if parts[0] not in ("std", "core", "alloc"):
                name = f"{parts[0]}::{name}"
            # For types of the standard library, the name is enough, except for `io::Error` and the like.
            elif name in ("Error", "Result") and parts[1] not in ("error", "result"):
                name = f"{parts[1]}::{name}"
        return name + self.arguments(path.get("args"))

    def arguments(self, args):
        if not args:
            return ""
        if "parenthesized" in args:
            given = args["parenthesized"]
            output = given["output"]
            return "(%s)%s" % (", ".join(map(self.type, given["inputs"])), " -> " + self.type(output) if output else "")
        if "angle_bracketed" not in args:
            return "(..)"
        given = args["angle_bracketed"]
        parts = [self.argument(one) for one in given["args"]]
        for constraint in given["constraints"]:
            name = constraint["name"] + self.arguments(constraint.get("args"))
            binding = constraint["binding"]
            if "equality" in binding:
                parts.append(f"{name} = {self.term(binding['equality'])}")
            else:
                parts.append(f"{name}: {self.bounds(binding['constraint'])}")
        return "<%s>" % ", ".join(parts) if parts else ""

    def argument(self, one):
        if one == "infer":
            return "_"
        (kind, value), = one.items()
        return {"lifetime": lambda: value, "type": lambda: self.type(value), "const": lambda: value["expr"]}[kind]()

    def term(self, term):
        return self.type(term["type"]) if "type" in term else term["constant"]["expr"]

    def bounds(self, bounds):
        return " + ".join(map(self.bound, bounds))

    def bound(self, bound):
        (kind, value), = bound.items()
        if kind == "trait_bound":
            modifier = {"none": "", "maybe": "?", "maybe_const": "~const "}[value["modifier"]]
            return modifier + self.binder(value["generic_params"]) + self.path(value["trait"])
        if kind == "outlives":
            return value
        return "use<%s>" % ", ".join(next(iter(one.values())) for one in value)

    @staticmethod
    def binder(params):
        names = [param["name"] for param in params]
        return "for<%s> " % ", ".join(names) if names else ""

    def type(self, given):
        if given is None or isinstance(given, str):
            return "_"
        (kind, value), = given.items()
        if kind == "resolved_path":
            return self.path(value)
        if kind == "dyn_trait":
            parts = [self.binder(one["generic_params"]) + self.path(one["trait"]) for one in value["traits"]]
            return "dyn " + " + ".join(parts + ([value["lifetime"]] if value["lifetime"] else []))
        if kind in ("generic", "primitive"):
            return value
        if kind == "function_pointer":
            return self.binder(value["generic_params"]) + "fn" + self.signature(value["sig"])
        if kind == "tuple":
            return "(%s)" % ", ".join(map(self.type, value))
        if kind == "slice":
            return f"[{self.type(value)}]"
        if kind == "array":
            return f"[{self.type(value['type'])}; {value['len']}]"
        if kind == "impl_trait":
            return "impl " + self.bounds(value)
        if kind == "raw_pointer":
            return f"*{'mut' if value['is_mutable'] else 'const'} {self.type(value['type'])}"
        if kind == "borrowed_ref":
            lifetime = value["lifetime"] + " " if value["lifetime"] else ""
            return f"&{lifetime}{'mut ' if value['is_mutable'] else ''}{self.type(value['type'])}"
        if kind == "qualified_path":
            trait = value["trait"]
            of = self.type(value["self_type"])
            whole = f"<{of} as {self.path(trait)}>" if trait and trait["path"] else of
            return f"{whole}::{value['name']}{self.arguments(value.get('args'))}"
        return kind

    def signature(self, sig):
        inputs = []
        for name, one in sig["inputs"]:
            text = self.type(one)
            if name == "self":
                text = {"Self": "self", "&Self": "&self", "&mut Self": "&mut self"}.get(text, f"self: {text}")
                inputs.append(text)
            else:
                inputs.append(f"{name}: {text}" if name not in ("", "_") else text)
        output = sig["output"]
        return "(%s)%s" % (", ".join(inputs), " -> " + self.type(output) if output else "")

    def generics(self, generics):
        parts = []
        for param in generics["params"]:
            (kind, value), = param["kind"].items()
            if kind == "lifetime":
                parts.append(param["name"])
            elif kind == "const":
                parts.append(f"const {param['name']}: {self.type(value['type'])}")
            elif not value["is_synthetic"]:
                bounds = ": " + self.bounds(value["bounds"]) if value["bounds"] else ""
                parts.append(param["name"] + bounds)
        return "<%s>" % ", ".join(parts) if parts else ""

    def where(self, generics):
        parts = []
        for one in generics["where_predicates"]:
            (kind, value), = one.items()
            if kind == "bound_predicate":
                parts.append(f"{self.binder(value['generic_params'])}{self.type(value['type'])}: {self.bounds(value['bounds'])}")
            elif kind == "lifetime_predicate":
                parts.append(f"{value['lifetime']}: {' + '.join(value['outlives'])}")
            else:
                parts.append(f"{self.type(value['lhs'])} = {self.term(value['rhs'])}")
        return " where " + ", ".join(parts) if parts else ""

    # -- items

    def say(self, item, kind, path, rest="", documented=True):
        open_ended = "#[non_exhaustive] " if any("non_exhaustive" in str(one) for one in item["attrs"]) else ""
        self.lines.add(f"{path}{rest}  [{open_ended}{kind}]")
        if documented:
            found = self.documented if (item["docs"] or "").strip() else self.undocumented
            found.add(f"{path} [{kind}]")

    def defines(self, item, name, path):
        """Records the type under the shortest of its paths."""
        known = self.types[name].get(item["id"], path)
        self.types[name][item["id"]] = min(known, path, key=lambda one: (len(one), one))

    def get(self, identity):
        return self.index.get(str(identity))

    def each(self, identities, parent, *more):
        for identity in identities:
            if item := self.get(identity):
                self.item(item, parent, *more)

    def item(self, item, parent, name=None, trait=False):
        (kind, value), = item["inner"].items()
        name = name or item["name"]
        path = f"{parent}::{name}" if parent else name
        if kind == "module":
            if f"module {path}" in self.seen:
                return
            self.seen.add(f"module {path}")
            self.say(item, "mod", path)
            for identity in value["items"]:
                child = self.get(identity)
                if child and (child["visibility"] == "public" or "impl" in child["inner"]):
                    if "impl" not in child["inner"]:
                        self.item(child, path)
        elif kind == "use":
            self.reexport(item, value, parent)
        elif kind in ("struct", "enum", "union"):
            self.say(item, kind, path, self.generics(value["generics"]) + self.where(value["generics"]))
            self.defines(item, name, path)
            self.each(value.get("variants", []), path)
            self.fields(value.get("kind"), path)
            self.implementations(value["impls"], path)
        elif kind == "variant":
            self.say(item, "variant", path, "" if value["discriminant"] is None else f" = {value['discriminant']['expr']}")
            self.fields(value["kind"], path, variant=True)
        elif kind == "struct_field":
            # The fields of a tuple are described by their type.
            self.say(item, "field", path, f": {self.type(value)}", documented=not name.isdigit())
        elif kind == "trait":
            bounds = ": " + self.bounds(value["bounds"]) if value["bounds"] else ""
            self.say(item, "trait", path, self.generics(value["generics"]) + bounds + self.where(value["generics"]))
            self.defines(item, name, path)
            self.each(value["items"], path, None, True)
        elif kind == "function":
            words = [word for word in ("const", "async", "unsafe") if value["header"]["is_" + word]]
            given = "provided " if trait and value["has_body"] else ""
            rest = self.generics(value["generics"]) + self.signature(value["sig"]) + self.where(value["generics"])
            self.say(item, given + " ".join(words + ["fn"]), path, rest)
        elif kind == "type_alias":
            self.say(item, "type", path, f"{self.generics(value['generics'])} = {self.type(value['type'])}")
            # A type of another crate with its parameters filled in, under the same name, counts as the same type.
            aliased = value["type"].get("resolved_path", {"path": ""})["path"]
            if aliased.split("::")[-1] != name:
                self.defines(item, name, path)
        elif kind in ("constant", "assoc_const", "static"):
            self.say(item, "static" if kind == "static" else "const", path, f": {self.type(value['type'])}")
        elif kind == "assoc_type":
            bounds = ": " + self.bounds(value["bounds"]) if value["bounds"] else ""
            self.say(item, "type", path, self.generics(value["generics"]) + bounds)
        elif kind in ("macro", "proc_macro"):
            self.say(item, "macro", path)

    def reexport(self, item, value, parent):
        target = self.get(value["id"]) if value["id"] is not None else None
        if value["is_glob"]:
            if target and "module" in target["inner"]:
                for identity in target["inner"]["module"]["items"]:
                    child = self.get(identity)
                    if child and child["visibility"] == "public" and "impl" not in child["inner"]:
                        self.item(child, parent)
            else:
                self.lines.add(f"{parent}::* = {value['source']}::*  [use]")
        elif target:
            self.item(target, parent, value["name"])
        else:
            known = self.paths.get(str(value["id"]))
            source = "::".join(known["path"]) if known else value["source"]
            self.lines.add(f"{parent}::{value['name']} = {source}  [use]")

    def fields(self, kind, path, variant=False):
        if not isinstance(kind, dict):
            return
        (shape, value), = kind.items()
        fields = value if shape == "tuple" else value["fields"]
        hidden = any(one is None for one in fields) or (shape != "tuple" and value["has_stripped_fields"])
        for identity in fields:
            if identity is not None and (field := self.get(identity)):
                self.item(field, path)
        if hidden and not variant:
            self.lines.add(f"{path}::..  [hidden fields]")

    def implementations(self, identities, path):
        for identity in identities:
            item = self.get(identity)
            if not item:
                continue
            value = item["inner"]["impl"]
            if value["blanket_impl"]:
                continue
            trait = value["trait"]
            if not trait:
                self.each([one for one in value["items"] if (self.get(one) or {}).get("visibility") == "public"], path)
            elif (trait_name := trait["path"].split("::")[-1]) not in UNNAMED:
                negative = "!" if value["is_negative"] else ""
                # Automatic traits matter only if one is missing.
                if value["is_synthetic"] and not (negative and trait_name in AUTOMATIC):
                    continue
                self.lines.add(f"{path}: {negative}{self.path(trait)}{self.where(value['generics'])}  [impl]")

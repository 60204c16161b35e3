"""Hold documents against a JSON Schema.

Reads {"schema": …, "documents": {name: document}} and writes {name: [what is wrong]}, nothing for a document that is fine.
"""

import json
import sys

from jsonschema import Draft202012Validator

given = json.load(sys.stdin)
Draft202012Validator.check_schema(given["schema"])
validator = Draft202012Validator(given["schema"])
wrong = {}
for name, document in given["documents"].items():
    errors = [f"{error.json_path}: {error.message[:120]}" for error in validator.iter_errors(document)]
    if errors:
        wrong[name] = errors
json.dump(wrong, sys.stdout)

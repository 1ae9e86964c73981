"""Import modules with the packages of this interpreter alone: `python -I import_all.py RESULT.json LIBRARY NAME ...`."""

import importlib
import importlib.metadata
import json
import re
import sys
from pathlib import Path

result, library, *names = sys.argv[1:]
sys.path.append(library)
for name in names:
    importlib.import_module(name)
installed = {
    re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in importlib.metadata.distributions()
}
files = {name: sys.modules[name].__file__ for name in names}
found = {"prefix": sys.prefix, "python": sys.version.split()[0], "installed": installed, "files": files}
Path(result).write_text(json.dumps(found, indent=2))

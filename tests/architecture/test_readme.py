"""What the README shows a newcomer runs as it stands."""

import re
import subprocess
import sys


def test_the_first_python_block_of_the_readme_runs(root, tmp_path):
    block = re.search(r"^```python\n(.*?)^```$", (root / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block, "README.md shows no ```python block"
    example = tmp_path / "readme.py"
    example.write_text(block[1], "utf-8")
    # -I: neither the current folder nor the environment helps; what runs is what is installed.
    result = subprocess.run([sys.executable, "-I", example], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr

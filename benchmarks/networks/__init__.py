"""What is structured. One file each (or one a member of a family), found by file; it holds

def build(channels: int, size: int, classes: int) -> nn.Module: ...

for square images of `size` pixels; initialised by the layers' own `reset_parameters`. Its docstring says
source and the published parameters and MACs.
"""

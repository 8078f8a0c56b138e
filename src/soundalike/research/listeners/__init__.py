"""Agreement with listeners: the instrument-weight paper's protocol, and a stricter one."""

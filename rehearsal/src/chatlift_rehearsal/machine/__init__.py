"""What gives the emulated API a body: containers, loop devices, addresses, load balancers."""

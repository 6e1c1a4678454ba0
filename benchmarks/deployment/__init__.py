"""How fast a BERT-base encoder is on this machine: TVM with the lab's schedule, and others."""

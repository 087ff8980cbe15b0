"""Outside systems to practise on: scheduling, billing and Odoo over their real protocols, with faults to switch on."""

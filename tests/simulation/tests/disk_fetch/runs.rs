//! Runs, interrupted.

use pop3_simulation::seeds::each_seed;

use crate::world::World;

const STEPS: usize = 6;

#[test]
fn no_message_is_lost_or_doubled_whatever_interrupts_a_fetch() {
    each_seed(0..300, |run| {
        let mut world = World::new(run);
        for _ in 0..STEPS {
            world.wait();
            world.mail_comes();
            if world.chance.per_mille(700) {
                world.set_faults();
            }
            world.let_reader_act();
            let result = world.fetch();
            world.disk.note(format!("the run returned {result:?}"));
            world.calm();
            world.check();
            match world.chance.below(6) {
                0 => world.crash(),
                1 => world.kill(),
                2 => world.others_append(),
                _ => {}
            }
        }
        world.check_the_end();
    });
}

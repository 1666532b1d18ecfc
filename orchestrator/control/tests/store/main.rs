//! What every store has to do, done by each of them; and what becomes of it when it is killed.
//!
//! - [`suite`]: the behaviour, one function each
//! - [`model`]: a store in a few lines of memory, and random operations that must come out the same
//! - [`ground`]: stores to be tested, on real files and a real Redis
//! - [`redis_server`]: a real Redis on loopback
//! - [`sqlite`], [`redis`]: what only this store does, and what a kill leaves of it
//! - [`throughput`]: how fast they are

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

mod ground;
mod model;
mod redis;
mod redis_server;
mod sqlite;
mod suite;
mod throughput;

macro_rules! on_every_store {
    ($($behaviour:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    crate::suite::$behaviour(crate::ground::Ground::sqlite()).await;
                }
            )*
        }

        mod on_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    if let Some(ground) = crate::ground::Ground::redis() {
                        crate::suite::$behaviour(ground).await;
                    }
                }
            )*
        }
    };
}

on_every_store! {
    a_document_comes_back_as_it_was_given,
    a_key_creates_once_however_many_ask,
    a_key_belongs_to_one_owner_for_as_long_as_it_lasts,
    an_id_is_given_once,
    each_version_is_won_by_one,
    a_change_that_comes_too_late_changes_nothing,
    what_is_gone_is_not_replaced,
    notices_of_a_recording_and_address_are_due_one_after_the_other,
    a_notice_that_is_tried_again_holds_up_those_behind_it,
    dead_notices_are_listed_and_hold_up_nobody,
    dead_notices_do_not_grow_without_bound,
    notices_outlive_their_record,
    lists_hold_what_their_filters_say,
    pages_miss_nothing_while_records_are_added,
    what_has_expired_is_found,
    a_lease_has_one_holder,
    a_lease_ends_by_itself,
    changes_are_told_in_order,
    changes_of_another_handle_are_told,
    random_operations_come_out_as_in_the_model,
}

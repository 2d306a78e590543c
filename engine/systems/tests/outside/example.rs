//! The example project's files, read as its own config says.

use std::fs;
use std::path::PathBuf;

use pipewright_entity::Value;
use pipewright_systems::Systems;
use serde_json::Value as Json;

use crate::{entities, in_folder, read, request, source};

fn collect(pipe: &str) -> Json {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/crm-erp");
    let config = |path: String| -> Json {
        serde_json::from_slice(&fs::read(folder.join(path)).unwrap()).unwrap()
    };
    let pipe = config(format!("pipes/{pipe}.conf.json"));
    let source_config = match &pipe["source"]["alternatives"] {
        Json::Null => &pipe["source"],
        alternatives => &alternatives["test"],
    };
    let system = source_config["system"].as_str().unwrap();
    let system = config(format!("systems/{system}.conf.json"));
    let surroundings = in_folder(&folder);
    let mut source = source(&Systems::new(), source_config, &system, &surroundings).unwrap();
    let batches = read(&mut *source, &request(100)).unwrap();
    assert!(batches.iter().all(|batch| batch.unreadable.is_empty()));
    entities(&batches)
}

#[test]
fn every_row_of_every_file_is_read() {
    for (pipe, rows) in [
        ("crm-company-collect", 250),
        ("crm-contact-collect", 400),
        ("erp-customer-collect", 220),
        ("erp-order-collect", 600),
        ("webshop-account-collect", 300),
    ] {
        assert_eq!(collect(pipe).as_array().unwrap().len(), rows, "{pipe}");
    }
}

#[test]
fn semicolons_and_latin_letters() {
    let customers = collect("erp-customer-collect");
    let customer = &customers[0];
    assert_eq!(customer["_id"], customer["Kundenr"]);
    assert_eq!(customer["Navn"], "KOBBERBERA EIENDOM AB");
    assert_eq!(customer["Kredittgrense"], "10 000,00");
    let islands = customers.as_array().unwrap().iter().filter(|c| c["Sted"] == "FAGERØY").count();
    assert!(islands > 0);
}

#[test]
fn orders_have_decimals_and_times() {
    let order = Value::from_json(&collect("erp-order-collect")[0]);
    let order = order.as_dict().unwrap();
    assert!(matches!(order["ordered"], Value::DateTime(_)));
    let line = order["lines"].as_slice()[0].as_dict().unwrap();
    assert!(matches!(line["unit_price"], Value::Decimal(_)));
}

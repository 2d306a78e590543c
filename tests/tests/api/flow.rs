//! The graph of the flow, and the clusters of merges.

use axum::http::StatusCode;
use pipewright_protocol::studio::{self, Cluster, ClusterPage, Graph, MergePipe, NodeKind};
use serde_json::Value;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_shows_every_pipe_and_what_feeds_it() {
    let place = Place::with_example();
    let graph: Graph = place.ask(studio::GRAPH).await;
    let pipes: Vec<Value> = place.ask("/api/pipes").await;
    assert_eq!(pipes.len(), 27);
    for pipe in &pipes {
        let id = format!("pipe:{}", pipe["_id"].as_str().unwrap());
        assert_eq!(graph.nodes.iter().filter(|node| node.id == id).count(), 1, "{id}");
    }
    let systems = graph.nodes.iter().filter(|node| node.kind == NodeKind::System).count();
    assert_eq!(systems, 7);
    let edge = |from: &str, to: &str| {
        let found = graph.edges.iter().find(|edge| edge.from == from && edge.to == to);
        found.unwrap_or_else(|| panic!("{from} → {to}")).kind
    };
    use studio::EdgeKind;
    assert_eq!(edge("system:crm", "pipe:crm-company-collect"), EdgeKind::Read);
    assert_eq!(edge("pipe:crm-company-enrich", "pipe:global-company"), EdgeKind::Merge);
    assert_eq!(edge("pipe:global-order", "pipe:crm-company-transform"), EdgeKind::Hop);
    assert_eq!(edge("pipe:erp-customer-share", "system:erp-out"), EdgeKind::Write);
    // Cards lie inside the picture and not on each other.
    for (at, a) in graph.nodes.iter().enumerate() {
        assert!(
            a.x >= 0.0
                && a.y >= 0.0
                && a.x + a.width <= graph.width
                && a.y + a.height <= graph.height
        );
        for b in &graph.nodes[at + 1..] {
            let apart = a.x + a.width <= b.x
                || b.x + b.width <= a.x
                || a.y + a.height <= b.y
                || b.y + b.height <= a.y;
            assert!(apart, "{} lies on {}", a.id, b.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_a_card_is_no_change_of_config_and_can_be_taken_back() {
    use studio::{Arrange, Arranged, Change, Edited, Edits, Event, FileEdit, LAYOUT, Spots};
    let place = Place::with_example();
    let mut events = place.events().await;
    events.hello().await;
    let cards = Spots::from([("pipe:global-company".into(), Some([40, -7]))]);
    let change = Change::Place { cards: cards.clone() };
    let files = vec![FileEdit { path: LAYOUT.into(), change }];
    let step = Edits { label: "Move global-company".into(), files };
    let answer = place.post(studio::EDITS, &step).await;
    assert_eq!(answer.status, StatusCode::OK);
    let back: Edited = answer.json();
    loop {
        match events.expect().await {
            Event::Placed(told) => break assert_eq!(told, cards),
            other => assert!(!matches!(other, Event::Config(_)), "{other:?}"),
        }
    }
    let placed = async || {
        let graph: Graph = place.ask(studio::GRAPH).await;
        graph.nodes.iter().find(|node| node.id == "pipe:global-company").unwrap().placed
    };
    assert_eq!(placed().await, Some([40, -7]));
    assert!(place.text(LAYOUT).contains("\"pipe:global-company\": [40, -7]"));
    assert_eq!(place.post(studio::EDITS, &back.inverse).await.status, StatusCode::OK);
    assert_eq!(placed().await, None);

    let cards = ["pipe:crm-company-collect", "pipe:crm-company-enrich", "pipe:nobody"];
    let cards = cards.map(str::to_owned).into();
    let answer = place.post(studio::ARRANGE, &Arrange { cards }).await;
    let arranged: Arranged = answer.json();
    assert_eq!(arranged.cards.len(), 2);
    assert_eq!(arranged.cards["pipe:crm-company-collect"], [0, 0]);
    assert!(arranged.cards["pipe:crm-company-enrich"][0] > 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_say_by_which_rule_and_value() {
    let place = Place::with_example();
    place.run_all().await;
    let merges: Vec<MergePipe> = place.ask(studio::CLUSTERS).await;
    let company = merges.iter().find(|merge| merge.pipe == "global-company").unwrap();
    assert_eq!(company.dataset, "global-company");
    assert_eq!(
        company.sources,
        ["crm-company-enrich", "erp-customer-enrich", "webshop-company-enrich"]
    );
    let golden: Vec<Value> =
        place.ask("/api/datasets/global-company/entities?history=false&deleted=false").await;
    assert_eq!(company.clusters, golden.len() as u64);

    // Every page, the largest first, each cluster once.
    let mut since: Option<String> = None;
    let mut seen = Vec::new();
    loop {
        let page: ClusterPage =
            place.ask(&studio::clusters_path("global-company", since.as_deref(), 40, "")).await;
        seen.extend(page.clusters.into_iter().map(|cluster| (cluster.members.len(), cluster.id)));
        since = page.next;
        if since.is_none() {
            break;
        }
    }
    assert_eq!(seen.len() as u64, company.clusters);
    assert!(seen.is_sorted_by(|a, b| (b.0, &a.1) < (a.0, &b.1)), "{seen:?}");
    assert_eq!(seen[0].0 as u64, company.largest);
    assert_eq!(seen.iter().filter(|(size, _)| *size > 1).count() as u64, company.merged);
    assert_eq!(seen.iter().map(|(size, _)| *size as u64).sum::<u64>(), company.members);

    // The ERP customer 20004 has the organisation number of a CRM company.
    let page: ClusterPage =
        place.ask(&studio::clusters_path("global-company", None, 10, "erp-customer:20004")).await;
    let [info] = page.clusters.try_into().unwrap();
    let cluster: Cluster = place.ask(&studio::cluster_path("global-company", &info.id)).await;
    assert_eq!(cluster.members.len(), info.members.len());
    assert!(cluster.members.len() > 1 && cluster.golden.is_some());
    for link in &cluster.links {
        let (a, b) = (&cluster.members[link.a], &cluster.members[link.b]);
        let rule = &company.rules[link.rule].expression;
        // The value stands in both records, in a property that the rule names.
        for member in [a, b] {
            let entity: serde_json::Map<String, Value> =
                serde_json::from_str(member.entity.text()).unwrap();
            let value: Value = serde_json::from_str(link.value.text()).unwrap();
            let by =
                entity.iter().find(|(name, held)| rule.contains(name.as_str()) && **held == value);
            assert!(by.is_some(), "{value} of {rule} in {entity:?}");
        }
    }
    let linked: std::collections::BTreeSet<usize> =
        cluster.links.iter().flat_map(|link| [link.a, link.b]).collect();
    assert_eq!(linked.len(), cluster.members.len(), "{:?}", cluster.links);

    let none = place.get(&studio::cluster_path("global-company", "nobody")).await;
    none.refused(StatusCode::NOT_FOUND, "not-found");
    let no_merge = place.get(&studio::clusters_path("country", None, 10, "")).await;
    assert_eq!(no_merge.status, StatusCode::NOT_FOUND);
}
